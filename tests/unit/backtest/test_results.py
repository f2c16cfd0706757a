"""Histories with known truth, run through the engine."""

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from analyzer.domain.watch_rules import Rule
from ratchet.tables import BadFile
from ratchet_backtest.column_roles import PRESETS, ColumnChoice
from ratchet_backtest.report import Report
from ratchet_backtest.runner import BacktestOptions, run_backtest
from tests.support.requirements import data_file
from tests.unit.backtest.conftest import Write, shares


def found(file: Path, given: ColumnChoice | None = None, **more: Any) -> Report:
    return run_backtest(file, BacktestOptions(given or ColumnChoice(), **more), lambda stage, total: lambda done: None)


def test_worse_version_is_found_with_time_cause_and_recovery(write: Write) -> None:
    rows = shares(("a", 2000, 0.85), ("b", 1000, 0.6), ("c", 1500, 0.85))
    (result,) = found(write(rows)).results
    (fall,) = result.falls
    assert result.verdict == "regressed"
    assert 2100 <= fall.detected_at.number <= 2200
    assert fall.detected_at.time == rows[fall.detected_at.number - 1]["time"]
    assert 1990 <= fall.since.number <= 2050
    assert fall.resolved is not None
    assert 3100 <= fall.resolved.number <= 4500
    assert fall.event.baseline.low <= 0.85 <= fall.event.baseline.high
    assert fall.event.current.low <= 0.6 <= fall.event.current.high
    assert -35 < fall.event.delta_pp < -15
    (cause, *_) = fall.event.causes
    assert (cause.kind, cause.before, cause.after) == ("prompt_version", "a", "b")


def test_the_order_of_the_rows_in_the_file_does_not_matter(write: Write) -> None:
    rows = shares(("a", 1000, 0.85), ("b", 500, 0.5))
    original, reversed_order = found(write(rows)), found(write(list(reversed(rows)), "turned.jsonl"))
    assert reversed_order.shuffled
    assert not original.shuffled
    (straight,), (reordered,) = original.results[0].falls, reversed_order.results[0].falls
    assert straight.event == reordered.event.model_copy(
        update={"affected_executions": straight.event.affected_executions}
    )
    assert straight.detected_at.time == reordered.detected_at.time


@pytest.mark.parametrize("name", ["past.csv", "past.parquet"])
def test_the_format_does_not_matter(write: Write, name: str) -> None:
    rows = shares(("a", 500, 0.9), ("b", 300, 0.5))
    (lines,), (other,) = found(write(rows)).results, found(write(rows, name)).results
    assert [fall.event.delta_pp for fall in lines.falls] == [fall.event.delta_pp for fall in other.falls]
    assert lines.measured == other.measured


def test_threshold_alarms_are_classified_by_real_drops(write: Write) -> None:
    quiet = found(write(shares(("a", 12_000, 0.85)))).results[0].threshold
    assert quiet.alarms == quiet.unfounded > 5
    fallen = found(write(shares(("a", 2000, 0.95), ("b", 500, 0.5)), "fallen.jsonl")).results[0].threshold
    assert (fallen.alarms, fallen.unfounded) == (1, 0)


def test_detectable_drop_is_stated_without_a_drop(write: Write) -> None:
    (result,) = found(write(shares(("a", 3000, 0.85)))).results
    assert result.verdict in ("holds", "inconclusive")
    assert result.detectable is not None
    assert result.detectable.drop is not None
    assert 4 <= result.detectable.drop < 20
    (few,) = found(write(shares(("a", 150, 0.85)), "few.jsonl")).results
    assert few.verdict == "no baseline yet"
    assert few.detectable is not None
    assert few.detectable.drop is None


def test_no_values_give_no_answer(write: Write) -> None:
    rows: Sequence[Mapping[str, Any]] = [{"score": None, "text": "a"}] * 10
    with pytest.raises(BadFile, match="no value can be used: score is empty in all 10 rows"):
        found(write(rows), ColumnChoice(values=("score",)), ends=(0.0, 1.0))


def test_targets_and_columns_are_analysed_separately(write: Write) -> None:
    good, bad = shares(("a", 400, 0.9), column="score"), shares(("a", 200, 0.9), ("b", 200, 0.4), column="score")
    rows = [
        {**row, "target": target, "rating": 5}
        for both in zip(good, bad, strict=True)
        for target, row in zip(("good", "bad"), both, strict=True)
    ]
    report = found(write(rows), ColumnChoice(values=("score", "rating")))
    verdicts = {(result.target, result.column): result.verdict for result in report.results}
    assert verdicts.pop(("bad", "score")) == "regressed"
    assert len(verdicts) == 3
    assert "regressed" not in verdicts.values()
    assert report.results[0].target == "bad"


def judged(n: int, better: float, **facts: Callable[[random.Random, int], str]) -> list[dict[str, Any]]:
    """Return scores around `better`, lower where the row requires it."""
    rng = random.Random(2)
    rows = []
    for index in range(n):
        row: dict[str, Any] = {name: draw(rng, index) for name, draw in facts.items()}
        mean = better - float(row.pop("less", 0.0))
        rows.append({**row, "score": rng.betavariate(10 * mean, 10 * (1 - mean))})
    return rows


def test_traffic_change_is_no_drop_with_known_segments(write: Write) -> None:
    """German answers are worse, and their share grows from the middle on."""
    german = {index: random.Random(index).random() < (0.3 if index < 1500 else 0.6) for index in range(3000)}
    rows = judged(
        3000,
        0.9,
        language=lambda _, index: "de" if german[index] else "en",
        less=lambda _, index: "0.3" if german[index] else "0",
    )
    (result,) = found(write(rows)).results
    assert result.falls == ()
    assert result.threshold.unfounded == result.threshold.alarms == 1
    blind = [{"score": row["score"]} for row in rows]
    assert found(write(blind, "blind.jsonl")).results[0].verdict == "regressed"


def test_losing_segment_and_words_are_named(write: Write) -> None:
    asked = ("where is my parcel", "refund the lamp", "change address please", "cancel my order now")
    rng = random.Random(4)
    rows = [
        {
            "question": options,
            "plan": plan,
            "user": f"u{rng.randrange(200)}",
            "score": 0.0 if index > 2000 and "refund" in options and rng.random() < 0.7 else rng.choice((0.8, 1.0)),
        }
        for index, options, plan in ((index, rng.choice(asked), rng.choice(("free", "paid"))) for index in range(3000))
    ]
    (result,) = found(write(rows)).results
    (fall,) = result.falls
    assert {word.term for word in fall.words} == {"refund", "the", "lamp"}
    bad = [
        {**row, "score": 0.0} if index > 2000 and index % 2 and row["plan"] == "free" else row
        for index, row in enumerate(rows)
    ]
    (fall, *_) = found(write(bad, "bad.jsonl")).results[0].falls
    assert ("plan", "free") in {(each.dimension, each.level) for each in fall.event.losing}
    assert fall.earliest.number <= 2001 <= fall.latest.number


def test_latency_is_reported_in_percent(write: Write) -> None:
    rows = [
        {"latency_ms": random.Random(index).lognormvariate(6.5 + (index > 1500) * 0.6, 0.5)} for index in range(2500)
    ]
    (result,) = found(write(rows)).results
    (fall,) = result.falls
    assert (result.unit, result.floor) == ("%", 10.0)
    assert -120 < fall.event.delta_pp < -50
    assert fall.event.baseline.mean < 750 < fall.event.current.mean


def test_watch_rules_apply(write: Write) -> None:
    rows = shares(("a", 1000, 0.9), ("b", 600, 0.7))
    assert found(write(rows)).results[0].verdict == "regressed"
    lenient = found(write(rows), rules=(Rule(metric="score.*", floor=30.0),)).results[0]
    assert (lenient.falls, lenient.floor) == ((), 30.0)


def test_human_judgements_of_summaries() -> None:
    """FRANK: from the system that people judged factual to one that they did not."""
    report = found(data_file("frank.jsonl"), PRESETS["frank"], order=("bart", "bus"))
    (fall,) = report.results[0].falls
    assert (report.rows, fall.event.delta_pp < -15) == (500, True)
    assert (fall.event.causes[0].before, fall.event.causes[0].after) == ("bart", "bus")
