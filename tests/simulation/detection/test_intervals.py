"""Intervals are valid under continuous monitoring: in at least 94 % of runs they never exclude the true value."""

import random
from collections.abc import Callable

import pytest

from analyzer.domain.detection import DetectionSettings, Estimate, Monitor
from analyzer.domain.detection.intervals import estimate_rate
from tests.support.monitors import Draw, beta, correlated, drawn, judge, reference, share
from tests.support.soak import scaled

RUNS, LOOKS = scaled(40, 200), range(100, 1001, 25)
ALLOWED = RUNS // 10  # at a true rate of 5 %, more than 20 of 200 occur with a probability of 0.1 %


def many(draw: Draw) -> Callable[[random.Random, int], list[float]]:
    return lambda rnd, n: drawn(draw, rnd, n)


@pytest.mark.parametrize(("draw", "mean"), [
    (many(beta(0.8)), 0.8),
    (many(judge), 0.7975),
    (many(share(0.85)), 0.85),
    (correlated(0.5), 0.7946),
])  # fmt: skip
def test_mean_and_difference_after_a_switch(draw: Callable[[random.Random, int], list[float]], mean: float) -> None:
    left_out = 0
    for run in range(RUNS):
        rnd = random.Random(run)
        monitor = Monitor("bounded", DetectionSettings(), reference=reference("bounded", draw(rnd, 1000)))
        missed = False
        for at, value in enumerate(draw(rnd, LOOKS[-1]), 1):
            monitor.observe(value)
            if at in LOOKS:
                finding = monitor.finding()
                assert finding.after
                assert finding.drop
                missed |= not (inside(finding.after, mean) and inside(finding.drop, 0.0))
        left_out += missed
    assert left_out <= ALLOWED


def inside(estimate: Estimate, truth: float) -> bool:
    return estimate.low <= truth <= estimate.high


@pytest.mark.parametrize("rate", [0.001, 0.03, 0.5])
def test_rates(rate: float) -> None:
    left_out = 0
    for run in range(RUNS):
        rnd = random.Random(run)
        values = drawn(share(rate), rnd, 1000)
        left_out += any(not inside(estimate_rate(n, int(sum(values[:n]))), rate) for n in LOOKS)
    assert left_out <= ALLOWED
