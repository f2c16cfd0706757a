"""Test martingale for rare events: valid at any rate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.detection.intervals import estimate_rate
from analyzer.domain.detection.rare_event_detector import RareEventTest


def wealth(rate: RareEventTest, stakes_left: float) -> float:
    return sum(rate.sums) + stakes_left


@given(st.floats(0.001, 0.3), st.lists(st.booleans(), max_size=150))
def test_expected_wealth_does_not_exceed_the_stakes_at_the_agreed_rate(agreed: float, prefix: list[bool]) -> None:
    """At the agreed rate the expected wealth must not exceed the stakes."""
    up, down = RareEventTest(agreed, 0.05), RareEventTest(agreed, 0.05)
    for happened in prefix:
        up.observe(happened)
        down.observe(happened)
    settled(up)
    settled(down)
    now = sum(up.sums)
    up.observe(True)
    down.observe(False)
    settled(down)
    expected = agreed * sum(up.sums) + (1.0 - agreed) * sum(down.sums)
    staked = 1000.0 / ((up.n - 1 + 1000.0) * (up.n + 1000.0))
    assert expected <= (now + staked) * (1.0 + 1e-9)


def settled(rate: RareEventTest) -> None:
    """Do deferred work now."""
    rate._add_quiet(rate._waiting)


def test_stakes_sum_to_at_most_one() -> None:
    rate = RareEventTest(0.5, 0.05)
    staked = sum(5 * 1000.0 / ((n + 1000.0) * (n + 1001.0) * 5) for n in range(200_000))
    assert staked < 1.0
    assert rate.alpha == 0.05


def test_single_rare_event_raises_no_alarm() -> None:
    rate = RareEventTest(0.001, 0.05)
    assert not any(rate.observe(index == 500) for index in range(2000))
    assert (rate.n, rate.events) == (2000, 1)


def test_state_reads_back() -> None:
    rate = RareEventTest(0.01, 0.05)
    for index in range(333):
        rate.observe(index % 50 == 0)
    assert RareEventTest.load(rate.dump()).dump() == rate.dump()


@pytest.mark.parametrize(("n", "events"), [(100, 0), (100, 3), (100, 100), (10_000, 20)])
def test_the_interval_of_a_rate(n: int, events: int) -> None:
    found = estimate_rate(n, events)
    assert 0.0 <= found.low <= found.mean <= found.high <= 1.0
    assert found.high - found.low < 6 * (max(events, 1) * 1.0) ** 0.5 / n + 0.06
