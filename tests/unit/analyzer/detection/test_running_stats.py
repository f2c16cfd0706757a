"""Running statistics of a history equal those computed from all values."""

import random
from statistics import fmean, pvariance

import pytest

from analyzer.domain.detection.running_stats import BLOCK, RunningStats
from tests.support.monitors import beta, correlated, drawn, judge
from tests.support.soak import scaled


def stats_of(values: list[float], bounded: bool = True) -> RunningStats:
    stats = RunningStats(bounded)
    for at in range(0, len(values), BLOCK):
        block = values[at : at + BLOCK]
        stats.add(fmean(block), fmean(value * value for value in block))
    return stats


def test_mean_and_variance_equal_those_of_the_values() -> None:
    values = drawn(judge, random.Random(1), 2000)
    stats = stats_of(values)
    assert stats.level == pytest.approx(fmean(values))
    assert stats.spread == pytest.approx(pvariance(values))
    assert stats.variance * BLOCK == pytest.approx(pvariance(values), rel=0.15)


def test_independent_values_have_no_correlation() -> None:
    found = [stats_of(drawn(beta(0.8), random.Random(run), 4000)).inflation for run in range(scaled(30, 30, unit=10))]
    assert fmean(found) < 1.2


@pytest.mark.parametrize(("phi", "least", "most"), [(0.5, 1.25, 1.7), (0.8, 2.0, 4.5)])
def test_correlation_is_estimated(phi: float, least: float, most: float) -> None:
    """A block of five contains part of the correlation: for phi 0.5 the variance of long means is 1.35 times that of
    blocks.
    """
    found = [stats_of(correlated(phi)(random.Random(run), 4000)).inflation for run in range(scaled(20, 20, unit=8))]
    assert least < fmean(found) < most


def test_harmful_skew_is_estimated() -> None:
    assert stats_of(drawn(judge, random.Random(3), 4000)).skew < -0.2
    assert abs(stats_of([random.Random(4).gauss(0, 1) for _ in range(100)], bounded=False).skew) < 1.0


def test_burst_is_clipped_but_counted() -> None:
    values = [*drawn(beta(0.9, 50.0), random.Random(5), 500), *[0.0] * 5]
    stats = stats_of(values)
    assert stats.excess < -0.5
    assert stats.level == pytest.approx(fmean(values))


def test_constant_values_have_a_positive_variance() -> None:
    assert 0.0 < stats_of([1.0] * 500).variance < 0.001
    assert stats_of([1.0] * 500, bounded=False).variance == stats_of([1.0] * 500).variance
