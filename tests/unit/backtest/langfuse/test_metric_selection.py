"""Selection of scores, and their scales."""

from typing import Any

import pytest

from ratchet.tables import BadFile
from ratchet_backtest.column_roles import ColumnChoice
from ratchet_backtest.langfuse.metric_selection import MetricSelection, select_metrics
from ratchet_backtest.langfuse.trace_table import TraceTable
from ratchet_backtest.runner import BacktestOptions
from tests.support.langfuse_history import NOW, score, trace
from tests.unit.backtest.langfuse.test_assembly import gathered


def chosen(options: BacktestOptions, limits: dict[str, tuple[float, float]], **scores: list[Any]) -> MetricSelection:
    n = max(map(len, scores.values()), default=2)
    observations = [each for number in range(n) for each in trace(f"t{number}", NOW, 6, latency=1.0 + number)]
    given = [score(number, name, value, NOW) for name, values in scores.items() for number, value in enumerate(values)]
    found = gathered(observations, given)
    return select_metrics(TraceTable(found.rows(), found.columns, None), options, limits)


def test_all_scores_with_a_scale_are_selected_by_default() -> None:
    scores: dict[str, list[Any]] = {
        "thumbs": [True, False],
        "faithfulness": [0.5, 0.9],
        "verdict": ["correct", "wrong"],
        "length": [3.0, 900.0],
    }
    found = chosen(BacktestOptions(ColumnChoice()), {}, **scores)
    assert [(scale.column, scale.kind) for scale in found.scales] == [
        ("faithfulness", "score"),
        ("thumbs", "thumb"),
        ("verdict", "label"),
        ("latency_ms", "latency"),
    ]
    assert found.columns == type(found.columns)(
        "time", ("faithfulness", "thumbs", "verdict", "latency_ms"), "target", "version", "model", user="user"
    )
    (note,) = found.notes
    assert note.startswith("left out: length contains numbers from 3 to 900 on an unknown scale")
    assert note.endswith("(with --value length)")


def test_limits_of_the_project_are_the_scale() -> None:
    options = BacktestOptions(ColumnChoice(), directions={"style": "higher", "tone": "higher"})
    found = chosen(options, {"style": (0.0, 10.0), "tone": (0.0, 1.0)}, style=[3.0, 7.0], tone=[0.0, 4.0])
    assert [(scale.column, scale.low, scale.high) for scale in found.scales[:1]] == [("style", 0.0, 10.0)]
    assert "tone" in found.notes[0], "a score outside the limits was not bound by them"


def test_flags_take_precedence() -> None:
    options = BacktestOptions(
        ColumnChoice(values=("length",), target="environment", input=None), ends=(0.0, 1000.0), better="lower"
    )
    found = chosen(options, {"length": (0.0, 900.0)}, length=[3.0, 900.0], thumbs=[True, False])
    (scale,) = found.scales
    assert (scale.low, scale.high, scale.metric.direction) == (0.0, 1000.0, "lower_is_better")
    assert (found.columns.target, found.notes) == ("environment", ())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (BacktestOptions(ColumnChoice(values=("speed",))), "there is no column speed; the columns are time, target"),
        (BacktestOptions(ColumnChoice(values=("length",))), "give --scale 0:900"),
        (BacktestOptions(ColumnChoice(), ends=(0.0, 10.0)), "require --value"),
        (BacktestOptions(ColumnChoice(values=("thumbs",), version="branch")), "there is no column branch"),
    ],
)
def test_impossible_selections_are_reported(options: BacktestOptions, message: str) -> None:
    with pytest.raises(BadFile, match=message):
        chosen(options, {}, length=[3.0, 900.0], thumbs=[True, False])


def test_no_scores_are_reported() -> None:
    with pytest.raises(BadFile, match="no scores, latencies, costs or errors"):
        select_metrics(
            TraceTable(gathered(trace("t1", NOW), []).rows(), set(), None), BacktestOptions(ColumnChoice()), {}
        )


@pytest.mark.parametrize(
    "name", ["thumbs_down", "disliked", "complaint", "negative_user_feedback", "ThumbsDown", "is_toxic", "not_helpful"]
)
@pytest.mark.parametrize("values", [[True, False], [1.0, 0.0], [1.0, 0.25]])
def test_direction_follows_from_the_name(name: str, values: list[Any]) -> None:
    (scale, *_) = chosen(BacktestOptions(ColumnChoice()), {}, **{name: values}).scales
    assert (scale.column, scale.metric.direction) == (name, "lower_is_better")
    assert scale.metric.to_scale(scale.read(values[0])) < scale.metric.to_scale(scale.read(values[1]))


@pytest.mark.parametrize("values", [[True, False], [1.0, 0.0]])
def test_unknown_direction_is_a_question_answered_by_a_flag(values: list[Any]) -> None:
    found = chosen(BacktestOptions(ColumnChoice()), {}, wordy=values)
    assert all(scale.column != "wordy" for scale in found.scales)
    assert "wordy" in found.notes[0]
    assert "--direction wordy=lower" in found.notes[0]
    for options in (
        BacktestOptions(ColumnChoice(values=("wordy",)), better="lower"),
        BacktestOptions(ColumnChoice(values=("wordy",), target="environment"), better="lower"),
        BacktestOptions(ColumnChoice(values=("wordy",)), kind="thumb", better="lower"),
        BacktestOptions(ColumnChoice(), directions={"wordy": "lower"}),
    ):
        (scale, *_) = chosen(options, {}, wordy=values).scales
        assert (scale.column, scale.metric.direction) == ("wordy", "lower_is_better")
        assert scale.metric.to_scale(scale.read(values[0])) == 0.0
