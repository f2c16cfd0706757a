"""The meaning of a column: guessed if clear, a question otherwise, and never clipped."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ratchet.tables import BadFile
from ratchet_backtest.column_sample import ScaleOptions
from ratchet_backtest.option_types import Better, ColumnKind
from ratchet_backtest.scales import infer_scale, parse_limits


@pytest.mark.parametrize(
    ("column", "cells", "metric", "description"),
    [
        ("score", [0.1, 0.9], "score.score", "scores from 0 to 1, 1 is best"),
        ("correct", [True, False], "score.correct", "scores from 0 to 1, 1 is best"),
        ("hallucination", ["yes", "no"], "score.hallucination", "scores from 0 to 1, 0 is best"),
        ("stars", ["4", "5", "x", *["3"] * 20], "rating.stars", "ratings from 1 to 5, 5 is best"),
        ("answer_quality", [1, 2, 5], "rating.answer_quality", "ratings from 1 to 5, 5 is best"),
        ("userFeedback", ["up", "down"], "thumb.userFeedback", "thumbs up and down"),
        ("feedback", [1, -1, 1], "thumb.feedback", "thumbs up and down"),
        ("thumb", [1, 0, 1], "thumb", "thumbs up and down"),
        ("verdict", ["correct", "incorrect"], "label.verdict", "labels, good and bad words"),
        ("status", ["ok", "error", "timeout"], "error_rate", "outcomes, errors are worst"),
        ("accuracy_pct", [80, 91], "score.accuracy_pct", "scores from 0 to 100, 100 is best"),
        ("accuracy", ["80%", "91 %"], "score.accuracy", "scores from 0 to 100, 100 is best"),
        ("latency_ms", [80, 910], "latency_ms", "latency in ms, lower is better"),
        ("duration_s", [0.8, 9.1], "latency_ms", "latency in s, lower is better"),
        ("cost", [0.01, 0.2], "cost_usd", "cost in US dollars, lower is better"),
    ],
)
def test_guesses(column: str, cells: Sequence[Any], metric: str, description: str) -> None:
    found = infer_scale(column, cells)
    assert (found.metric.name, found.description) == (metric, description)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([3, 9, 7], r"s contains numbers from 3 to 9 on an unknown scale: give --scale 0:10"),
        ([1, 2, 4], r"s contains numbers from 1 to 4 on an unknown scale: give --scale 1:5 or --scale 0:5"),
        ([-3, 250], r"--scale -3:250"),
        (
            ["fine", "so so"],
            r"s contains words of unknown meaning: 'fine', 'so so' \(line 1: 'fine'; .*\): give --good",
        ),
        ([], "s is empty"),
    ],
)
def test_ambiguous_scales_are_questions(cells: Sequence[Any], message: str) -> None:
    with pytest.raises(BadFile, match=message):
        infer_scale("s", cells)


@pytest.mark.parametrize("text", ["10", "a:b", "5:1", "0:0", "0:inf", "nan:1", ":"])
def test_invalid_scales(text: str) -> None:
    with pytest.raises(BadFile, match="--scale"):
        parse_limits(text)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1), st.sampled_from(["higher", "lower"]))
def test_a_scale_maps_its_ends_to_best_and_worst_and_back(low: float, high: float, part: float, better: Better) -> None:
    assume(high - low > 1e-3)
    found = infer_scale("s", [], ScaleOptions(ends=(low, high), better=better))
    best, worst = (high, low) if better == "higher" else (low, high)
    assert (found.metric.to_scale(best), found.metric.to_scale(worst)) == (1.0, 0.0)
    value = low + part * (high - low)
    if low <= value <= high:
        assert 0.0 <= found.metric.to_scale(value) <= 1.0
        assert found.metric.from_scale(found.metric.to_scale(value)) == pytest.approx(value, abs=1e-6)
    assert found.metric.direction == ("higher_is_better" if better == "higher" else "lower_is_better")


@pytest.mark.parametrize("kind", ["thumb", "rating", "score", "percent", "label", "error", "latency", "cost"])
def test_given_kind_is_used(kind: ColumnKind) -> None:
    assert infer_scale("anything", [3], ScaleOptions(kind, better="higher")).kind in (kind, "score")


def test_direction_can_be_given() -> None:
    assert infer_scale("hallucination", [0, 1], ScaleOptions(better="higher")).metric.direction == "higher_is_better"
    assert infer_scale("score", [0, 1], ScaleOptions(better="lower")).metric.direction == "lower_is_better"
    effort = infer_scale("effort", [1, 5], ScaleOptions("rating", better="lower"))
    assert (effort.metric.to_scale(1.0), effort.metric.to_scale(5.0)) == (1.0, 0.0)


def test_seconds_are_read_as_milliseconds() -> None:
    assert infer_scale("latency_s", [1.5]).read("1.5") == 1500.0
