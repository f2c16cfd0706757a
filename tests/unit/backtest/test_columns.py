"""Which column is what."""

from typing import Any

import pytest

from ratchet.tables import BadFile, Doubt, Sample
from ratchet_backtest.columns import PRESETS, Given, columns


def sample(**cells: list[Any]) -> Sample:
    return Sample(cells)


USUAL: dict[str, list[Any]] = {
    "id": [1, 2],
    "created_at": ["2026-03-01", "2026-03-02"],
    "prompt_version": ["a", "b"],
    "score": [0.5, 1],
}


def test_usual_names_are_guessed_and_told() -> None:
    found = columns(sample(**USUAL, model=["x", "x"], question=["why", "how"], updated_at=["2026-03-01"] * 2), Given())
    assert found.guessed == {
        "time": "created_at",
        "version": "prompt_version",
        "model": "model",
        "input": "question",
        "value": "score",
    }
    assert (found.time, found.version, found.values) == ("created_at", "prompt_version", ("score",))


def test_what_is_given_is_not_guessed() -> None:
    found = columns(sample(**USUAL, stars=[4, 5]), Given(values=("stars", "score"), version="id"))
    assert found.guessed == {"time": "created_at"}
    assert (found.values, found.version) == (("stars", "score"), "id")


def test_names_within_objects_count_by_their_last_part() -> None:
    found = columns(
        Sample({"meta.timestamp": ["2026-03-01"], "feedback.comment": ["no"], "feedback.score": [1]}), Given()
    )
    assert found.guessed == {"time": "meta.timestamp", "value": "feedback.score"}


def test_a_time_that_can_t_be_read_is_no_guess() -> None:
    assert columns(sample(time=["noon", "night"], score=[1, 0]), Given()).time is None


def test_a_column_of_dates_is_the_time_whatever_it_is_called() -> None:
    when = {"Wann?": ["2026-03-01T10:00", "2026-03-02T10:00"]}
    assert columns(sample(**when, run=[1767225600, 1767225601], score=[1, 0]), Given()).time == "Wann?"
    with pytest.raises(Doubt, match=r"hold times \(Wann\?, until\): give --time Wann\? or --time until"):
        columns(sample(**when, until=["2026-04-01"] * 2, score=[1, 0]), Given())


def test_what_is_called_a_time_but_is_none_is_told() -> None:
    found = columns(sample(date=["24th of Dec", "25th of Dec"], score=[1, 0]), Given())
    assert (found.time, found.unused) == (None, ("date",))
    assert found.untimed == "date holds no times that can be read, but such as '24th of Dec'"


def test_what_counts_for_nothing_is_told() -> None:
    assert columns(sample(**USUAL, tone=["mild", "harsh"]), Given()).unused == ("id", "tone")


def test_the_only_column_of_numbers_is_the_value() -> None:
    assert columns(sample(text=["a"], helpfool=[0.5], input_tokens=[17]), Given()).values == ("helpfool",)


def test_latency_or_cost_is_the_value_where_there_is_no_other() -> None:
    assert columns(sample(text=["a"], latency_ms=[170]), Given()).values == ("latency_ms",)
    assert columns(sample(score=[1], latency_ms=[170]), Given()).values == ("score",)


@pytest.mark.parametrize(
    ("cells", "given", "message"),
    [
        ({}, Given(), "there is no row in it that can be read"),
        ({"score": [], "time": []}, Given(), "no row that can be read below the header: score, time"),
        ({"date": ["24.12."], "score": [1]}, Given(time="date"), "date holds no times .* such as '24.12.'"),
        ({"a": [1], "b": [5]}, Given(), r"several columns can hold the values \(a, b\): give --value a or --value b"),
        ({"text": ["a"], "id": [1]}, Given(), r"no column looks like values; name one by --value. There are text, id"),
        ({"text": ["a"]}, Given(values=("score",)), "there is no column score; there are text"),
        ({f"c{n}": ["a"] for n in range(40)}, Given(time="t"), "c29 and 10 more"),
    ],
)
def test_what_is_ambiguous_is_asked(cells: dict[str, list[Any]], given: Given, message: str) -> None:
    with pytest.raises(BadFile, match=message):
        columns(sample(**cells), given)


def test_what_is_given_goes_over_a_preset() -> None:
    assert Given(version="dataset").over(PRESETS["frank"]) == Given(values=("Factuality",), version="dataset")


def test_well_known_dimensions_are_segments() -> None:
    found = columns(sample(**USUAL, country=["de", "fr"], Locale=["a", "b"], userSegment=["free", "paid"]), Given())
    assert found.segments == ("country", "Locale", "userSegment")
    assert found.guessed["segments"] == "country, Locale, userSegment"
    assert columns(sample(**USUAL, country=["de", "fr"]), Given(segments=("id",))).segments == ("id",)
