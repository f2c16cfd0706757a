"""Recovery of a regressed metric."""

import json
import random

import pytest

from analyzer.domain.detection import DetectionSettings, Monitor
from analyzer.domain.regressions.recovery import (
    RESTART_AFTER,
    SWITCH_AFTER,
    CurrentVersionTracker,
    RareEventRecovery,
    Recovery,
)

SETTINGS = DetectionSettings()


def recovery(before: float = 0.9, after: float = 0.5, settings: DetectionSettings = SETTINGS) -> Recovery:
    rnd, monitor = random.Random(1), Monitor("binary", settings)
    for _ in range(500):
        monitor.learn(float(rnd.random() < before))
    reference = monitor.reference()
    assert reference is not None
    return Recovery.from_alarm("binary", settings, reference, before, after)


def until(watch: Recovery, mean: float, most: int, seed: int) -> int | None:
    """Return how many values of that mean are needed."""
    rnd = random.Random(seed)
    return next((n + 1 for n in range(most) if watch.observe(float(rnd.random() < mean))), None)


def test_full_recovery_is_detected_soon() -> None:
    taken = [until(recovery(), 0.9, 1000, seed) for seed in range(20)]
    assert all(n is not None and 100 <= n <= 200 for n in taken)


def test_persistent_regression_never_recovers() -> None:
    """The mean is at the boundary of the null hypothesis (0.7). Six tests at 5 % each: 6 of 20 may occur by chance."""
    assert sum(until(recovery(), 0.7, 15_000, seed) is not None for seed in range(20)) <= 6
    assert all(until(recovery(), 0.5, 15_000, seed) is None for seed in range(5))


def test_small_drop_must_recover_to_within_the_floor() -> None:
    watch = recovery(0.9, 0.84)
    assert watch.proven == watch.level == pytest.approx(0.85)
    assert recovery().proven == pytest.approx(0.7)
    assert recovery().level == pytest.approx(0.85)


def test_long_bad_period_does_not_mask_a_fix() -> None:
    watch = recovery()
    assert until(watch, 0.5, 5000, 1) is None
    taken = until(watch, 0.9, 10_000, 2)
    assert taken is not None
    assert taken <= 8000


def test_each_version_is_tested_from_its_start() -> None:
    watch = recovery()
    until(watch, 0.5, 300, 1)
    watch.restart()
    taken = until(watch, 0.9, 300, 2)
    assert taken is not None
    assert taken <= 200


def test_each_return_to_a_version_needs_twice_the_values() -> None:
    assert [recovery().require_more(times).least for times in (1, 2, 3, 9)] == [100, 200, 400, RESTART_AFTER]
    taken = until(recovery().require_more(2), 0.9, 1000, 1)
    assert taken is not None
    assert taken >= 200


@pytest.mark.parametrize("cut", [0, 1, 99, 600])
def test_a_restart_of_the_service_changes_nothing(cut: int) -> None:
    rnd, watch = random.Random(3), recovery()
    values = [float(rnd.random() < 0.69) for _ in range(1200)]
    for value in values[:cut]:
        watch.observe(value)
    require_more = Recovery.load(SETTINGS, json.loads(json.dumps(watch.dump())))
    assert [require_more.observe(value) for value in values[cut:]] == [watch.observe(value) for value in values[cut:]]
    assert require_more.dump() == watch.dump()


def test_recovery_of_rare_events_counts_from_the_last_bad_value() -> None:
    recovery = RareEventRecovery(None, 100)
    answers = [recovery.observe(value) for value in [1.0] * 99 + [0.0] + [1.0] * 100]
    assert answers == [False] * 199 + [True]
    recovery.restart()
    assert recovery == RareEventRecovery(None, 100)


def test_agreed_rate_must_be_met_again() -> None:
    recovery = RareEventRecovery(0.05, 100)
    assert not any(recovery.observe(float(number % 8 != 0)) for number in range(2000)), "12.5 % are bad"
    recovery.restart()
    taken = next(number for number in range(5000) if recovery.observe(float(number % 20 != 0)))
    assert 100 <= taken < 1500
    assert RareEventRecovery.load(json.loads(json.dumps(recovery.dump()))) == recovery


def test_canary_is_not_the_version_in_use() -> None:
    use = CurrentVersionTracker()
    turns = [use.observe("new" if number % 5 == 0 else "old") for number in range(1, 1000)]
    assert turns == [True] + [False] * 998
    assert sum(use.observe("new") for _ in range(SWITCH_AFTER + 1)) == 1
    assert use.label == "new"
    assert CurrentVersionTracker.load(json.loads(json.dumps(use.dump()))) == use
