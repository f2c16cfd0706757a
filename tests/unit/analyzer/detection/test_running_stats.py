"""What is remembered of a past: compared with the same figures from all values."""

import random
from statistics import fmean, pvariance

import pytest

from analyzer.domain.detection.running_stats import BLOCK, RunningStats
from tests.support.monitors import beta, correlated, drawn, judge


def past_of(values: list[float], bounded: bool = True) -> RunningStats:
    stats = RunningStats(bounded)
    for at in range(0, len(values), BLOCK):
        block = values[at : at + BLOCK]
        stats.add(fmean(block), fmean(value * value for value in block))
    return stats


def test_level_and_spread_are_those_of_the_values() -> None:
    values = drawn(judge, random.Random(1), 2000)
    stats = past_of(values)
    assert stats.level == pytest.approx(fmean(values))
    assert stats.spread == pytest.approx(pvariance(values))
    assert stats.variance * BLOCK == pytest.approx(pvariance(values), rel=0.15)


def test_independent_values_have_no_long_memory() -> None:
    found = [past_of(drawn(beta(0.8), random.Random(run), 4000)).inflation for run in range(30)]
    assert fmean(found) < 1.2


@pytest.mark.parametrize(("phi", "least", "most"), [(0.5, 1.25, 1.7), (0.8, 2.0, 4.5)])
def test_correlation_is_seen(phi: float, least: float, most: float) -> None:
    """A block of five holds part of it: for phi 0.5 the variance of long means is 1.35 times what blocks show."""
    found = [past_of(correlated(phi)(random.Random(run), 4000)).inflation for run in range(20)]
    assert least < fmean(found) < most


def test_harmful_skew_is_seen() -> None:
    assert past_of(drawn(judge, random.Random(3), 4000)).skew < -0.2
    assert abs(past_of([random.Random(4).gauss(0, 1) for _ in range(100)], bounded=False).skew) < 1.0


def test_a_burst_is_clipped_and_not_forgotten() -> None:
    values = [*drawn(beta(0.9, 50.0), random.Random(5), 500), *[0.0] * 5]
    stats = past_of(values)
    assert stats.excess < -0.5
    assert stats.level == pytest.approx(fmean(values))


def test_equal_values_keep_a_little_doubt() -> None:
    assert 0.0 < past_of([1.0] * 500).variance < 0.001
    assert past_of([1.0] * 500, bounded=False).variance == 0.0
