"""The rule that most products ship."""

import random

import pytest

from ratchet_backtest.threshold_rule import WINDOW, ThresholdRule


def cries(values: list[float]) -> list[int]:
    rule = ThresholdRule(len(values))
    for position, value in enumerate(values):
        rule.add(position, value)
    return rule.alarms


def test_one_fall_is_one_alarm() -> None:
    (alarm,) = cries([0.8] * 2000 + [0.6] * 1000)
    assert 2000 + WINDOW / 4 - 1 <= alarm <= 2000 + WINDOW / 4  # a quarter of the window has fallen by 20 pp


def test_a_drop_below_five_points_is_none() -> None:
    assert cries([0.8] * 2000 + [0.7501] * 1000) == []


def test_the_drop_is_the_metric_s_floor() -> None:
    rule = ThresholdRule(4000, 0.5)
    for position in range(4000):
        rule.add(position, 0.0 if position < 2000 else -0.4)
    assert rule.alarms == []


def test_it_cries_anew_after_a_quiet_window() -> None:
    fall, well = [0.0] * 50, [0.8] * 500
    assert len(cries([*[0.8] * 2000, *fall, *well, *fall, *well])) == 2
    flapping = [0.8 if (position // 60) % 2 else 0.5 for position in range(2000)]
    assert len(cries([0.8] * 2000 + flapping)) == 1


@pytest.mark.parametrize("n", [0, 1, 10, 198])
def test_too_few_values_cry_nothing(n: int) -> None:
    assert cries([0.8] * (n // 2) + [0.0] * (n - n // 2)) == []


def test_a_short_past_has_a_baseline_of_its_half() -> None:
    assert cries([0.8] * 150 + [0.6] * 150) == [249]


def test_it_cries_where_nothing_fell() -> None:
    """The reason to have something better; the seed is fixed."""
    rng = random.Random(7)
    quiet = [float(rng.random() < 0.85) for _ in range(11_000)]
    assert len(cries(quiet)) > 10
