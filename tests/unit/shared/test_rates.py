"""Rates of the last minute, with a manual clock."""

import pytest

from shared.runtime.rates import RateCounter


class ManualClock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_rate_is_unknown_at_first() -> None:
    clock = ManualClock()
    pace = RateCounter[str](clock)
    pace.add("a", 10)
    clock.now += 4
    assert pace.per_second("a") is None
    clock.now += 1
    assert pace.per_second("a") == 2.0
    assert pace.per_second("never seen") == 0.0


def test_rate_covers_the_last_minute_and_total_all_time() -> None:
    clock = ManualClock()
    pace = RateCounter[str](clock)
    for _ in range(300):
        clock.now += 1
        pace.add("a", 5)
    assert pace.per_second("a") == pytest.approx(5.0, rel=0.02)
    assert pace.totals["a"] == 1500
    clock.now += 30
    assert pace.per_second("a") == pytest.approx(2.5, rel=0.1)
    clock.now += 31
    assert pace.per_second("a") == 0.0


def test_names_are_counted_separately_and_old_values_deleted() -> None:
    clock = ManualClock()
    pace = RateCounter[str](clock)
    for _ in range(10_000):
        clock.now += 5
        pace.add("a", 1)
    pace.add("b", 60)
    assert pace.per_second("b") == pytest.approx(1.0, rel=0.1)
    assert pace.per_second("a") == pytest.approx(0.2, rel=0.15)
    assert len(pace._spans) <= 12
