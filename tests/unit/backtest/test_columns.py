"""Detection of the roles of columns."""

from typing import Any

import pytest

from ratchet.tables import BadFile, Doubt, Sample
from ratchet_backtest.column_inference import resolve_columns
from ratchet_backtest.column_roles import PRESETS, ColumnChoice


def sample(**cells: list[Any]) -> Sample:
    return Sample(cells)


USUAL: dict[str, list[Any]] = {
    "id": [1, 2],
    "created_at": ["2026-03-01", "2026-03-02"],
    "prompt_version": ["a", "b"],
    "score": [0.5, 1],
}


def test_usual_names_are_guessed_and_reported() -> None:
    found = resolve_columns(
        sample(**USUAL, model=["x", "x"], question=["why", "how"], updated_at=["2026-03-01"] * 2), ColumnChoice()
    )
    assert found.guessed == {
        "time": "created_at",
        "version": "prompt_version",
        "model": "model",
        "input": "question",
        "value": "score",
    }
    assert (found.time, found.version, found.values) == ("created_at", "prompt_version", ("score",))


def test_given_roles_are_not_guessed() -> None:
    found = resolve_columns(sample(**USUAL, stars=[4, 5]), ColumnChoice(values=("stars", "score"), version="id"))
    assert found.guessed == {"time": "created_at"}
    assert (found.values, found.version) == (("stars", "score"), "id")


def test_nested_names_are_matched_by_their_last_part() -> None:
    found = resolve_columns(
        Sample({"meta.timestamp": ["2026-03-01"], "feedback.comment": ["no"], "feedback.score": [1]}), ColumnChoice()
    )
    assert found.guessed == {"time": "meta.timestamp", "value": "feedback.score"}


def test_unreadable_time_is_not_guessed() -> None:
    assert resolve_columns(sample(time=["noon", "night"], score=[1, 0]), ColumnChoice()).time is None


def test_column_of_dates_is_the_time_by_any_name() -> None:
    when = {"Wann?": ["2026-03-01T10:00", "2026-03-02T10:00"]}
    assert resolve_columns(sample(**when, run=[1767225600, 1767225601], score=[1, 0]), ColumnChoice()).time == "Wann?"
    with pytest.raises(Doubt, match=r"contain times \(Wann\?, until\): give --time Wann\? or --time until"):
        resolve_columns(sample(**when, until=["2026-04-01"] * 2, score=[1, 0]), ColumnChoice())


def test_time_column_without_times_is_reported() -> None:
    found = resolve_columns(sample(date=["24th of Dec", "25th of Dec"], score=[1, 0]), ColumnChoice())
    assert (found.time, found.unused) == (None, ("date",))
    assert found.untimed == "date has no readable times; its first cell is '24th of Dec'"


def test_unused_columns_are_reported() -> None:
    assert resolve_columns(sample(**USUAL, tone=["mild", "harsh"]), ColumnChoice()).unused == ("id", "tone")


def test_only_numeric_column_is_the_value() -> None:
    assert resolve_columns(sample(text=["a"], helpfool=[0.5], input_tokens=[17]), ColumnChoice()).values == (
        "helpfool",
    )


def test_latency_or_cost_is_the_value_without_another() -> None:
    assert resolve_columns(sample(text=["a"], latency_ms=[170]), ColumnChoice()).values == ("latency_ms",)
    assert resolve_columns(sample(score=[1], latency_ms=[170]), ColumnChoice()).values == ("score",)


@pytest.mark.parametrize(
    ("cells", "given", "message"),
    [
        ({}, ColumnChoice(), "the file has no readable row"),
        ({"score": [], "time": []}, ColumnChoice(), "no readable row below the header: score, time"),
        (
            {"date": ["24.12."], "score": [1]},
            ColumnChoice(time="date"),
            "date has no readable times; its first cell is '24.12.'",
        ),
        (
            {"a": [1], "b": [5]},
            ColumnChoice(),
            r"several columns may contain the values \(a, b\): give --value a or --value b",
        ),
        (
            {"text": ["a"], "id": [1]},
            ColumnChoice(),
            r"no column looks like values: choose one with --value. The columns are text, id",
        ),
        ({"text": ["a"]}, ColumnChoice(values=("score",)), "there is no column score; the columns are text"),
        ({f"c{n}": ["a"] for n in range(40)}, ColumnChoice(time="t"), "c29 and 10 more"),
    ],
)
def test_ambiguous_roles_are_questions(cells: dict[str, list[Any]], given: ColumnChoice, message: str) -> None:
    with pytest.raises(BadFile, match=message):
        resolve_columns(sample(**cells), given)


def test_given_roles_override_a_preset() -> None:
    assert ColumnChoice(version="dataset").completed_by(PRESETS["frank"]) == ColumnChoice(
        values=("Factuality",), version="dataset"
    )


def test_well_known_dimensions_are_segments() -> None:
    found = resolve_columns(
        sample(**USUAL, country=["de", "fr"], Locale=["a", "b"], userSegment=["free", "paid"]), ColumnChoice()
    )
    assert found.segments == ("country", "Locale", "userSegment")
    assert found.guessed["segments"] == "country, Locale, userSegment"
    assert resolve_columns(sample(**USUAL, country=["de", "fr"]), ColumnChoice(segments=("id",))).segments == ("id",)
