"""What is to be done with a rollout, by what was measured of its arms."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from gatekeeper.domain.rollout import Arm, MetricSums, Rollout
from gatekeeper.domain.rollout_plan import GuardedMetric, RolloutPlan, Step, named_plan, plan_of
from gatekeeper.domain.rollout_progression import decide_next_change
from shared.statistics.two_arms import ArmSums
from shared.statistics.unit_groups import UnitSums

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLAN = RolloutPlan("execution", (Step(500, 100, 60), Step(5_000, 100, 60)), (GuardedMetric("thumb", 500),), 3_600, 600)
ID = UUID(int=1)


def rollout(age: float = 120, **parts: Any) -> Rollout:
    since = NOW - timedelta(seconds=age)
    values: dict[str, Any] = {
        "id": ID, "decision_id": ID, "proposal_id": ID, "project": "acme", "environment": "production", "name": "a",
        "target": "t", "base_digest": "b", "candidate_digest": "c", "plan": PLAN, "plan_digest": "p",
        "started_at": since, "revision": 1, "state": "running", "step": 0, "weight": 500, "since": since,
        "changed_at": since, "by": "gatekeeper", "reason": "approved", "message": "started", **parts,
    }  # fmt: skip
    return Rollout(**values)


def shares(base: tuple[int, int], candidate: tuple[int, int]) -> MetricSums:
    """Return sums of zeros and ones, by how many there are and how many are good."""
    arms: dict[Arm, ArmSums] = {"base": ArmSums(base[0], base[1], base[1])}
    arms["candidate"] = ArmSums(candidate[0], candidate[1], candidate[1])
    return MetricSums(True, arms)


EQUAL = {(0, "thumb"): shares((20_000, 18_000), (1_500, 1_350)), (0, "error_rate"): shares((20_000, 1), (1_050, 1))}


@pytest.mark.parametrize(
    ("case", "measured", "phase", "message"),
    [
        ({}, EQUAL, "advance", "50 % next: thumb +0.0 pp (−2."),
        ({"step": 1, "weight": 5_000}, {(1, "thumb"): shares((2000, 1800), (2000, 1810))}, "complete", "100 % next"),
        ({"age": 30}, EQUAL, "waiting", "needs 30 s of the step's minimum of 60 s"),
        ({"halted": True}, EQUAL, "halted", "promotions are halted"),
        ({"state": "paused"}, EQUAL, "paused", "started"),
        ({"state": "live"}, EQUAL, "ended", "started"),
        ({}, {(0, "thumb"): shares((2000, 1800), (120, 84))}, "harmful", "worse than the base: thumb −20.0 pp"),
        ({"state": "paused"}, {(0, "thumb"): shares((2000, 1800), (120, 84))}, "harmful", "thumb −20.0 pp"),
        ({}, {(0, "thumb"): shares((2000, 1800), (90, 60))}, "waiting", "thumb of 100 executions of the candidate"),
        ({}, {(0, "thumb"): shares((2000, 1800), (100, 88))}, "waiting", "thumb at most 5 pp worse (is −2.0 pp"),
        ({"age": 700}, {}, "pause", "no execution of the candidate was measured for 700 s"),
        ({"age": 3_700}, {(0, "error_rate"): shares((950, 900), (50, 50))}, "pause", "undecided after 3600 s"),
        ({}, {(0, "error_rate"): shares((900, 900), (100, 100))}, "pause", "the candidate got 100 of 1000 executions"),
        ({}, {(0, "error_rate"): shares((930, 900), (70, 70))}, "waiting", "needs"),
    ],
)
def test_assessment(
    case: dict[str, Any], measured: dict[tuple[int, str], MetricSums], phase: str, message: str
) -> None:
    halted = case.get("halted", False)
    given = {name: value for name, value in case.items() if name != "halted"}
    found = decide_next_change(rollout(**given), measured, halted, NOW)
    assert (found.phase, message in found.message) == (phase, True), found


def test_reasons_to_pause_are_named() -> None:
    assert decide_next_change(rollout(700), {}, False, NOW).reason == "no-data"
    ratio = {(0, "error_rate"): shares((900, 900), (100, 100))}
    assert decide_next_change(rollout(), ratio, False, NOW).reason == "sample-ratio"
    assert (
        decide_next_change(rollout(3_700), {(0, "error_rate"): shares((95, 9), (5, 5))}, False, NOW).reason
        == "inconclusive"
    )


def test_guarded_metrics_share_the_error_budget() -> None:
    """A drop that is harm by itself is not yet harm if four other metrics could have shown one by chance."""
    others = tuple(GuardedMetric(f"score.m{number}", 500) for number in range(4))
    guarded = RolloutPlan("execution", PLAN.steps, (*PLAN.metrics, *others), 3_600, 600)
    drop = {(0, "thumb"): shares((2000, 1800), (120, 94))}
    assert decide_next_change(rollout(), drop, False, NOW).phase == "harmful"
    assert decide_next_change(rollout(plan=guarded), drop, False, NOW).phase == "waiting"


def test_a_metric_is_not_worse_only_from_its_minimum_of_values() -> None:
    for n, verdict in ((99, "undecided"), (100, "not-worse")):
        better = {(0, "thumb"): shares((2_000, 1_000), (n, n))}
        assert decide_next_change(rollout(), better, False, NOW).metrics[0].verdict == verdict


def test_a_change_of_traffic_between_steps_is_no_harm() -> None:
    """Quality fell for both arms, while the candidate got more of the later traffic."""
    early, late = shares((9_900, 8_900), (100, 90)), shares((1_000, 500), (1_000, 500))
    found = decide_next_change(rollout(step=1, weight=5_000), {(0, "thumb"): early, (1, "thumb"): late}, False, NOW)
    assert found.metrics[0].verdict != "worse"
    assert found.metrics[0].difference.mean == pytest.approx(0.0, abs=0.002)


def test_an_amount_is_harmful_only_beyond_its_margin() -> None:
    plan = RolloutPlan("execution", (Step(5_000, 100, 0),), (GuardedMetric("latency_ms", 1_000),))
    for logarithm, phase in ((-0.05, "complete"), (-0.30, "harmful")):
        arms: dict[Arm, ArmSums] = {"base": ArmSums(1000, 0.0, 10.0)}
        arms["candidate"] = ArmSums(1000, 1000 * logarithm, 1000 * logarithm**2 + 10.0)
        measured = {(0, "latency_ms"): MetricSums(False, arms)}
        assert decide_next_change(rollout(plan=plan, weight=5_000), measured, False, NOW).phase == phase


def test_a_named_plan_guards_the_metrics_of_the_proposal_and_errors() -> None:
    plan = named_plan("canary", ["thumb", "error_rate"])
    assert [step.weight for step in plan.steps] == [100, 500, 2_500, 5_000]
    assert [metric.name for metric in plan.metrics] == ["thumb", "error_rate"]
    assert named_plan("48h-at-5", ["thumb"]).steps == (Step(500, 100, 172_800),)
    assert plan_of(plan.document()) == plan
    with pytest.raises(ValueError, match=r"^metrics: "):
        named_plan("canary", [])


BY_USER = RolloutPlan("user", PLAN.steps, PLAN.metrics, 3_600, 600)


def of_users(base: tuple[int, int, int], candidate: tuple[int, int, int]) -> MetricSums:
    """Return sums of zeros and ones: users, calls of each, and users all of whose calls are good."""
    arms: dict[Arm, ArmSums] = {"base": users(*base), "candidate": users(*candidate)}
    return MetricSums(True, arms)


def users(count: int, calls: int, good: int) -> ArmSums:
    groups = {user: UnitSums(calls, float(calls if user < good else 0)) for user in range(count)}
    return ArmSums(count * calls, float(good * calls), float(good * calls), groups)


def test_calls_of_the_same_users_are_no_evidence_of_their_own() -> None:
    """The same shares are harm with one call a user, and undecided with 20 calls of a twentieth of the users."""
    single, many = of_users((1_000, 1, 800), (200, 1, 120)), of_users((1_000, 1, 800), (10, 20, 6))
    assert decide_next_change(rollout(plan=BY_USER), {(0, "thumb"): single}, False, NOW).phase == "harmful"
    assert decide_next_change(rollout(plan=BY_USER), {(0, "thumb"): many}, False, NOW).phase == "waiting"


def test_nothing_is_concluded_of_fewer_than_ten_users() -> None:
    for count, phase in ((9, "waiting"), (10, "harmful")):
        found = decide_next_change(
            rollout(plan=BY_USER), {(0, "thumb"): of_users((900, 1, 900), (count, 20, 0))}, False, NOW
        )
        assert found.phase == phase, found
    few = decide_next_change(rollout(plan=BY_USER), {(0, "thumb"): of_users((900, 1, 900), (9, 20, 9))}, False, NOW)
    assert "thumb of 10 users of each arm (has 9)" in few.message


def test_the_ratio_of_the_arms_is_tested_by_users() -> None:
    """A tenth of the executions instead of a twentieth, by 100 users with one call each, or by 5 busy ones."""
    found = [
        decide_next_change(
            rollout(plan=BY_USER), {(0, "error_rate"): of_users((900, 1, 900), candidate)}, False, NOW
        ).reason
        for candidate in ((100, 1, 100), (5, 20, 5))
    ]
    assert found == ["sample-ratio", None]
