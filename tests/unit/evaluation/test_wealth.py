"""Evidence by betting: validity, agreement of test and interval, and what a sample is still worth."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_evaluation.domain.statistics.wealth import LEVEL, SHARES, Wealth, estimate_mean, threshold_of

_VALUES = st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=30)


def wealth_of(values: list[float], limit: float) -> Wealth:
    wealth = Wealth(limit)
    for value in values:
        wealth.add(value)
    return wealth


def test_wealth_is_a_mean_of_products() -> None:
    """Two values against the limit 0: (1 + bet · 0.5) · (1 - bet · 0.25), averaged over the bets."""
    bets = [2.0 * share for share in SHARES]
    expected = sum((1.0 + bet * 0.5) * (1.0 - bet * 0.25) for bet in bets) / len(bets)
    assert wealth_of([1.0, -0.5], 0.0).log_wealth == pytest.approx(math.log(expected))


def test_fair_values_have_an_expected_wealth_of_one() -> None:
    """All 2^8 sequences of a fair coin: the mean wealth against the limit 0 is 1, so it is no evidence."""
    total = sum(
        math.exp(wealth_of([1.0 if bits >> i & 1 else -1.0 for i in range(8)], 0.0).log_wealth) for bits in range(256)
    )
    assert total / 256 == pytest.approx(1.0)


def test_threshold_is_half_of_the_error_for_each_side() -> None:
    assert math.exp(-threshold_of(LEVEL)) == pytest.approx(0.025)


@given(_VALUES, st.floats(-0.9, 0.9))
def test_interval_contains_exactly_what_the_test_does_not_refute(values: list[float], limit: float) -> None:
    interval = estimate_mean(values)
    if abs(interval.low - limit) > 1e-6 and limit < sum(values) / len(values):
        assert wealth_of(values, limit).refuted == (limit < interval.low)


@given(_VALUES)
def test_order_of_values_does_not_matter(values: list[float]) -> None:
    shuffled = random.Random(1).sample(values, len(values))
    assert wealth_of(shuffled, 0.1).log_wealth == pytest.approx(wealth_of(values, 0.1).log_wealth)
    assert estimate_mean(shuffled) == estimate_mean(values)


@given(_VALUES)
def test_interval_is_symmetric(values: list[float]) -> None:
    interval, mirrored = estimate_mean(values), estimate_mean([-value for value in values])
    assert (interval.low, interval.high) == pytest.approx((-mirrored.high, -mirrored.low))


def test_interval_without_values_is_everything() -> None:
    interval = estimate_mean([])
    assert (interval.n, interval.mean, interval.low, interval.high) == (0, None, -1.0, 1.0)


def test_side_of_worse_is_the_mirror_of_better() -> None:
    worse = Wealth(0.0, -1)
    for _ in range(8):
        assert not worse.refuted
        worse.add(-1.0)
    assert worse.refuted
    assert not wealth_of([-1.0] * 9, 0.0).refuted


def test_needed_is_the_size_at_which_the_same_sample_repeated_refutes() -> None:
    sample = [1.0, 0.0, 0.0, -1.0, 0.0, 1.0, 0.0, 0.0]
    needed = wealth_of(sample, 0.0).needed()
    assert needed is not None
    repeats = -(-needed // len(sample))
    assert wealth_of(sample * repeats, 0.0).refuted
    assert not wealth_of(sample * (repeats - 1), 0.0).refuted


def test_nothing_is_projected_from_a_sample_on_the_wrong_side() -> None:
    assert wealth_of([-1.0, 0.0, 0.0], 0.0).needed() is None
    assert Wealth(0.0).needed() is None


@pytest.mark.parametrize("value", [1.01, -1.01, math.nan])
def test_values_outside_of_the_range_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="between -1 and 1"):
        Wealth(0.0).add(value)
