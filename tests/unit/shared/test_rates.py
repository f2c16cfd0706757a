"""Rates of the last minute, by a clock that the test turns."""

import pytest

from shared.runtime.rates import RateCounter


class Turned:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_rate_is_unknown_until_there_was_time_to_count() -> None:
    clock = Turned()
    pace = RateCounter[str](clock)
    pace.add("a", 10)
    clock.now += 4
    assert pace.per_second("a") is None
    clock.now += 1
    assert pace.per_second("a") == 2.0
    assert pace.per_second("never seen") == 0.0


def test_a_rate_is_of_the_last_minute_and_the_total_of_all_time() -> None:
    clock = Turned()
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


def test_names_are_counted_apart_and_nothing_old_is_kept() -> None:
    clock = Turned()
    pace = RateCounter[str](clock)
    for _ in range(10_000):
        clock.now += 5
        pace.add("a", 1)
    pace.add("b", 60)
    assert pace.per_second("b") == pytest.approx(1.0, rel=0.1)
    assert pace.per_second("a") == pytest.approx(0.2, rel=0.15)
    assert len(pace._spans) <= 12
