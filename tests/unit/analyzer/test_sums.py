"""Sums are exact in any order, and intervals cover the truth."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.metrics.extraction import ERROR_RATE, LATENCY, metric_named
from analyzer.domain.streams.sums import Sums, measurement
from tests.support.soak import scaled

unit = st.floats(0, 1)


def summed(values: list[float]) -> Sums:
    sums = Sums()
    for value in values:
        sums.add(value)
    return sums


@given(st.lists(unit), st.randoms(use_true_random=False))
def test_order_does_not_matter(values: list[float], rnd: random.Random) -> None:
    shuffled = list(values)
    rnd.shuffle(shuffled)
    assert summed(values) == summed(shuffled)


@given(st.lists(unit), unit, unit, st.integers(0, 50))
def test_a_replaced_value_leaves_no_trace(values: list[float], former: float, value: float, at: int) -> None:
    corrected = summed([*values, former])
    corrected.replace(former, value)
    early = Sums()
    early.replace(former, value)
    for each in [*values, former]:
        early.add(each)
    assert corrected == early == summed([*values, value])


@given(st.lists(unit), st.lists(unit))
def test_merging_is_adding(values: list[float], others: list[float]) -> None:
    merged = summed(values)
    merged.merge(summed(others))
    assert merged == summed(values + others)


@given(st.lists(unit, min_size=1))
def test_intervals_contain_the_mean_and_stay_on_the_scale(values: list[float]) -> None:
    found = measurement(summed(values), metric_named("thumb"))
    assert 0.0 <= found.low <= found.mean <= found.high <= 1.0
    assert found.n == len(values)


def test_interval_of_perfect_values_is_not_a_point() -> None:
    found = measurement(summed([1.0] * 25), metric_named("thumb"))
    assert found.mean == found.high == 1.0
    assert found.low < 0.95


def test_values_are_converted_to_their_unit() -> None:
    rating = measurement(summed([0.75, 1.0]), metric_named("rating"))
    assert rating.mean == 4.5
    errors = measurement(summed([1.0, 1.0, 0.0, 1.0]), ERROR_RATE)
    assert errors.mean == 0.25
    assert errors.low <= 0.25 <= errors.high
    assert round(measurement(summed([LATENCY.to_scale(100.0), LATENCY.to_scale(400.0)]), LATENCY).mean, 3) == 200.0


def test_no_values_are_unknown() -> None:
    found = measurement(Sums(), metric_named("thumb"))
    assert (found.n, found.low, found.high) == (0, 0.0, 1.0)


@pytest.mark.parametrize("share", [0.5, 0.85])
def test_intervals_cover_under_continuous_monitoring(share: float) -> None:
    """Checked every 25 values up to 1,000: at most 5 % of the runs (plus three standard errors) ever exclude the
    truth.
    """
    wrong, runs = 0, scaled(300, 300, unit=100)
    for run in range(runs):
        rnd, sums, missed = random.Random(f"{share}-{run}"), Sums(), False
        for index in range(1, 1001):
            sums.add(float(rnd.random() < share))
            if index % 25 == 0:
                found = measurement(sums, metric_named("thumb"))
                missed = missed or not found.low <= share <= found.high
        wrong += missed
    assert wrong <= 0.05 * runs + 3 * math.sqrt(0.05 * 0.95 * runs)
