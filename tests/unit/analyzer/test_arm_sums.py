"""Measurements of the arms of rollouts."""

from collections.abc import Iterable

import pytest

from analyzer.domain.arm_sums import measured_arms
from analyzer.domain.model import Reading
from analyzer.handlers import Measurable, readings
from shared.events.quality import QualityMeasured
from tests.support.quality import facts, feedback, recorded, replacing


def measured(events: Iterable[Measurable]) -> dict[tuple[str, str | None], QualityMeasured]:
    found = [each for event in events for each in readings(event) if isinstance(each, Reading)]
    return {(event.metric, event.arm): event for event in measured_arms(found)}


def test_values_are_summed_by_arm_where_more_is_better() -> None:
    events = [recorded(n, facts=facts(n, outcome=outcome, arm=arm)) for n, (outcome, arm) in enumerate(
        [("ok", "base"), ("error", "base"), ("ok", "candidate"), ("ok", "unassigned"), ("ok", "mine"), ("ok", None)]
    )]  # fmt: skip
    found = measured(events)
    assert {arm for _, arm in found} == {"base", "candidate", "unassigned"}
    base = found["error_rate", "base"]
    assert base.arm_sums is not None
    assert (base.arm_sums.n, base.arm_sums.total, base.arm_sums.squares, base.arm_sums.bounded) == (2, 1.0, 1.0, True)
    assert (base.measurement.n, base.measurement.mean) == (2, 0.5)
    latency = found["latency_ms", "candidate"].arm_sums
    assert latency is not None
    assert (latency.n, latency.bounded) == (1, False)
    assert latency.total == pytest.approx(-4.787, abs=0.001)


def test_a_correction_changes_the_sums_but_not_the_count() -> None:
    about = facts(1, arm="candidate")
    changed = replacing(1, 0.0, 1.0).model_copy(update={"execution": about})
    found = measured([changed])["thumb", "candidate"]
    assert found.arm_sums is not None
    assert (found.arm_sums.n, found.arm_sums.total, found.measurement.n) == (0, -1.0, 0)


def test_windows_are_at_most_ten_seconds_of_executions() -> None:
    found = [each for n in (1, 8, 11) for each in readings(feedback(n, execution=facts(n, arm="base")))]
    events = measured_arms(each for each in found if isinstance(each, Reading))
    assert [event.measurement.n for event in events] == [2, 1]
