"""The fixed threshold rule of common products."""

import random

import pytest

from ratchet_backtest.threshold_rule import WINDOW, ThresholdRule


def alarms(values: list[float]) -> list[int]:
    rule = ThresholdRule(len(values))
    for position, value in enumerate(values):
        rule.add(position, value)
    return rule.alarms


def test_one_drop_gives_one_alarm() -> None:
    (alarm,) = alarms([0.8] * 2000 + [0.6] * 1000)
    # The mean drops by 5 points when a quarter of the window is 20 points lower.
    assert 2000 + WINDOW / 4 - 1 <= alarm <= 2000 + WINDOW / 4


def test_drop_below_five_points_gives_no_alarm() -> None:
    assert alarms([0.8] * 2000 + [0.7501] * 1000) == []


def test_threshold_is_the_floor_of_the_metric() -> None:
    rule = ThresholdRule(4000, 0.5)
    for position in range(4000):
        rule.add(position, 0.0 if position < 2000 else -0.4)
    assert rule.alarms == []


def test_new_alarm_after_a_quiet_window() -> None:
    fall, well = [0.0] * 50, [0.8] * 500
    assert len(alarms([*[0.8] * 2000, *fall, *well, *fall, *well])) == 2
    flapping = [0.8 if (position // 60) % 2 else 0.5 for position in range(2000)]
    assert len(alarms([0.8] * 2000 + flapping)) == 1


@pytest.mark.parametrize("n", [0, 1, 10, 198])
def test_too_few_values_give_no_alarm(n: int) -> None:
    assert alarms([0.8] * (n // 2) + [0.0] * (n - n // 2)) == []


def test_baseline_of_a_short_history_is_its_first_half() -> None:
    assert alarms([0.8] * 150 + [0.6] * 150) == [249]


def test_false_alarms_without_a_drop() -> None:
    """This is why sequential tests are needed; the seed is fixed."""
    rng = random.Random(7)
    quiet = [float(rng.random() < 0.85) for _ in range(11_000)]
    assert len(alarms(quiet)) > 10
