"""Measurements of the arms of rollouts."""

from collections.abc import Iterable

import pytest

from analyzer.domain.metrics.judges import add_judge_attribute
from analyzer.domain.model import Reading
from analyzer.domain.series import quality_measured_events, unit_group
from analyzer.handlers import Measurable, readings
from shared.events.quality import QualityMeasured
from tests.support.quality import facts, feedback, recorded, replacing


def measured(events: Iterable[Measurable]) -> dict[tuple[str, str | None], QualityMeasured]:
    found = [each for event in events for each in readings(event) if isinstance(each, Reading)]
    return {(event.metric, event.arm): event for event in quality_measured_events(found)}


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


def test_values_of_one_user_are_in_one_group() -> None:
    events = [
        recorded(n, facts=facts(n, outcome=outcome, arm="base", user=user, session=None))
        for n, (outcome, user) in enumerate([("ok", "a"), ("error", "a"), ("ok", "b")])
    ]
    sums = measured(events)["error_rate", "base"].arm_sums
    assert sums is not None
    assert sorted(sums.users) == sorted([(unit_group("a"), 2, 1.0), (unit_group("b"), 1, 1.0)])
    assert sums.sessions == ()


def test_an_execution_without_user_is_a_unit_by_itself() -> None:
    events = [
        recorded(n, facts=facts(n, outcome="ok", arm="candidate", user=user)) for n, user in enumerate(["a", "", ""])
    ]
    sums = measured(events)["error_rate", "candidate"].arm_sums
    assert sums is not None
    assert [n for _, n, _ in sums.users] == [1, 1, 1]


def test_a_correction_changes_the_sum_of_its_users_group() -> None:
    changed = replacing(1, 0.0, 1.0).model_copy(update={"execution": facts(1, arm="candidate", user="a")})
    sums = measured([changed])["thumb", "candidate"].arm_sums
    assert sums is not None
    assert sums.users == ((unit_group("a"), 0, -1.0),)


def test_scores_of_judges_count_for_the_arm() -> None:
    about = facts(1, arm="candidate", user="a", session="s")
    found = add_judge_attribute(about, "sha256:0")
    assert (found.arm, found.user, found.session) == ("candidate", "a", "s")


def test_windows_are_at_most_ten_seconds_of_executions() -> None:
    found = [each for n in (1, 8, 11) for each in readings(feedback(n, execution=facts(n, arm="base")))]
    events = quality_measured_events(each for each in found if isinstance(each, Reading))
    assert [event.measurement.n for event in events] == [2, 1]
