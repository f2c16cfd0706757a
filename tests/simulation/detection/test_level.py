"""Streams without change raise few false alarms under continuous monitoring; naive detectors fail the same suite.

`keeps_its_level` applies to any detector: of the streams of a family, examined after every value, at most a tenth may
raise an alarm. Seeds are fixed, so results are deterministic. With RATCHET_SOAK=1 there are 200 streams: if the true
rate were 5 %, more than 20 alarms would occur with a probability of 0.1 %. Otherwise there are 40: a test for a single
look, or a naive test, raises at least twice as many alarms as allowed.
"""

import math
import random
from collections.abc import Callable
from statistics import fmean, pvariance

import pytest

from analyzer.domain.detection import Monitor, ValueKind
from tests.support.monitors import (
    STATISTIC,
    Detector,
    Draw,
    beta,
    correlated,
    drawn,
    first_alarm,
    judge,
    latency,
    reference,
    share,
)
from tests.support.soak import scaled

RUNS, HISTORY, WATCHED = scaled(40, 200), 500, 1500
ALLOWED = RUNS // 10
Make = Callable[[list[float]], Detector]
QUIET: dict[str, tuple[ValueKind, Draw]] = {
    "scores": ("bounded", beta(0.8)),
    "scores near 1": ("bounded", beta(0.97, 20.0)),
    "judge": ("bounded", judge),
    "thumbs": ("binary", share(0.85)),
    "thumbs, mostly up": ("binary", share(0.97)),
    "latency": ("positive", latency()),
}


class NaiveZ:
    """A naive detector: a z-test for a fixed n at every value, of the latest values or of all since the start."""

    def __init__(self, history: list[float], latest: int | None) -> None:
        self.n, self.mean, self.latest = len(history), fmean(history), latest
        self.spread = pvariance(history)
        self.seen = [0.0]

    def learn(self, value: float) -> None:
        """Ignore the value: the history is known."""

    def observe(self, value: float) -> bool:
        self.seen.append(self.seen[-1] + value)
        m = self.latest or len(self.seen) - 1
        if m >= len(self.seen) or m < 20:
            return False
        drop = self.mean - (self.seen[-1] - self.seen[-1 - m]) / m
        return drop > 1.645 * math.sqrt(self.spread * (1 / self.n + 1 / m))


def keeps_its_level(make: Make, draw: Callable[[random.Random, int], list[float]], seed: str) -> None:
    alarms = 0
    for run in range(RUNS):
        rnd = random.Random(f"{seed}-{run}")
        history = draw(rnd, HISTORY)
        alarms += first_alarm(make(history), history, draw(rnd, WATCHED)) is not None
    assert alarms <= ALLOWED, f"{alarms} alarms of {RUNS}"


def many(draw: Draw) -> Callable[[random.Random, int], list[float]]:
    return lambda rnd, n: drawn(draw, rnd, n)


@pytest.mark.parametrize("family", QUIET)
def test_stream_against_its_own_history(family: str) -> None:
    kind, draw = QUIET[family]
    keeps_its_level(lambda _: Monitor(kind, STATISTIC), many(draw), family)


class Switched:
    """Detects whether a new version, which begins after the history, is worse than the history."""

    def __init__(self, kind: ValueKind, history: list[float]) -> None:
        self.monitor = Monitor(kind, STATISTIC, reference=reference(kind, history))

    def learn(self, value: float) -> None:
        """Add the value to the reference."""

    def observe(self, value: float) -> bool:
        return self.monitor.observe(value)


@pytest.mark.parametrize("family", QUIET)
def test_declared_switch_without_effect(family: str) -> None:
    kind, draw = QUIET[family]
    keeps_its_level(lambda history: Switched(kind, history), many(draw), f"switch {family}")


def test_correlated_values() -> None:
    keeps_its_level(lambda _: Monitor("bounded", STATISTIC), correlated(0.5), "correlated")


def test_agreed_rate_that_is_met() -> None:
    """Use exactly the agreed rate, the boundary of the null hypothesis."""
    keeps_its_level(lambda _: Monitor("rare", STATISTIC, agreed=0.01), many(share(0.01)), "rate")


@pytest.mark.parametrize("latest", [100, None])
@pytest.mark.parametrize("family", ["scores", "thumbs"])
def test_a_naive_detector_fails_the_same_suite(family: str, latest: int | None) -> None:
    with pytest.raises(AssertionError, match=f"alarms of {RUNS}"):
        keeps_its_level(lambda history: NaiveZ(history, latest), many(QUIET[family][1]), family)


@pytest.mark.parametrize("height", ["change_point_scan.drift_height", "switch_comparison.switch_height"])
def test_fixed_sample_critical_value_fails_the_suite(height: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the critical value by the one-sided 5 % value of a single look."""
    monkeypatch.setattr(f"analyzer.domain.detection.{height}", lambda *asked: 1.645)
    switched = height.startswith("switch_comparison")

    def make(history: list[float]) -> Detector:
        return Switched("bounded", history) if switched else Monitor("bounded", STATISTIC)

    with pytest.raises(AssertionError, match=f"alarms of {RUNS}"):
        keeps_its_level(make, many(QUIET["scores"][1]), "peeked at")


def test_seasonality_in_the_history() -> None:
    """Let quality fall and rise by 3 points every 500 values."""
    alarms = 0
    for run in range(60):
        rnd = random.Random(run)
        levels = [0.8 + 0.03 * math.sin(2 * math.pi * at / 500) for at in range(3000)]
        values = [rnd.betavariate(level * 10, (1 - level) * 10) for level in levels]
        alarms += first_alarm(Monitor("bounded", STATISTIC), values[:1000], values[1000:]) is not None
    assert alarms <= 9  # probability below 0.5 % at a true rate of 5 %


def test_short_burst_raises_no_alarm() -> None:
    alarms = 0
    for run in range(60):
        rnd = random.Random(run)
        values = [*drawn(judge, rnd, 500), *[0.0] * 15, *drawn(judge, rnd, 800)]
        alarms += first_alarm(Monitor("bounded", STATISTIC), values[:400], values[400:]) is not None
    assert alarms <= 9


def test_larger_variance_raises_no_alarm() -> None:
    alarms = 0
    for run in range(60):
        rnd = random.Random(run)
        values = [*drawn(beta(0.8), rnd, 600), *drawn(beta(0.8, 3.0), rnd, 1000)]
        alarms += first_alarm(Monitor("bounded", STATISTIC), values[:500], values[500:]) is not None
    assert alarms <= 9


def test_improvement_raises_no_alarm() -> None:
    rnd = random.Random(6)
    watched = drawn(share(0.9), rnd, 3000)
    assert first_alarm(Monitor("binary", STATISTIC), drawn(share(0.6), rnd, 500), watched) is None
