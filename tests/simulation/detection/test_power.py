"""Drops are detected soon. Medians over 40 runs with fixed seeds; each bound has a margin of about a quarter."""

import random
from statistics import median

import pytest

from analyzer.domain.detection import Monitor, ValueKind
from tests.support.monitors import STATISTIC, Draw, beta, drawn, first_alarm, latency, reference, share

RUNS = 40
NEVER = 10**6


@pytest.mark.parametrize(("kind", "before", "after", "within"), [
    ("bounded", beta(0.8), beta(0.75), 150),
    ("bounded", beta(0.8), beta(0.65), 60),
    ("binary", share(0.85), share(0.70), 160),
    ("positive", latency(), latency(1.5), 100),
])  # fmt: skip
def test_undeclared_drop(kind: ValueKind, before: Draw, after: Draw, within: int) -> None:
    delays = []
    for run in range(RUNS):
        rnd = random.Random(run)
        watched = [*drawn(before, rnd, 500), *drawn(after, rnd, 1000)]
        found = first_alarm(Monitor(kind, STATISTIC), drawn(before, rnd, 1000), watched) or NEVER
        delays.append(found - 500)
    assert 0 < median(delays) <= within


@pytest.mark.parametrize(("kind", "before", "after", "within"), [
    ("bounded", beta(0.8), beta(0.75), 60),
    ("binary", share(0.85), share(0.70), 80),
    ("positive", latency(), latency(1.2), 260),
])  # fmt: skip
def test_declared_switch_to_a_worse_version(kind: ValueKind, before: Draw, after: Draw, within: int) -> None:
    delays = []
    for run in range(RUNS):
        rnd = random.Random(run)
        monitor = Monitor(kind, STATISTIC, reference=reference(kind, drawn(before, rnd, 1000)))
        delays.append(first_alarm(monitor, (), drawn(after, rnd, 1500)) or NEVER)
    assert median(delays) <= within


def test_drop_within_a_new_version() -> None:
    delays = []
    for run in range(RUNS):
        rnd = random.Random(run)
        monitor = Monitor("bounded", STATISTIC, reference=reference("bounded", drawn(beta(0.8), rnd, 1000)))
        watched = [*drawn(beta(0.85), rnd, 1000), *drawn(beta(0.78), rnd, 500)]
        delays.append((first_alarm(monitor, (), watched) or NEVER) - 1000)
    assert 0 < median(delays) <= 120


def test_slow_decline_is_detected() -> None:
    delays = []
    for run in range(RUNS):
        rnd = random.Random(run)
        history = drawn(beta(0.8), rnd, 1000)
        watched = [rnd.betavariate(8 - at / 1500, 2 + at / 1500) for at in range(1500)]
        delays.append(first_alarm(Monitor("bounded", STATISTIC), history, watched) or NEVER)
    assert median(delays) <= 700


def test_drop_after_constant_values_is_detected() -> None:
    """All values were perfect, so the reference has no variance."""
    rnd = random.Random(1)
    found = first_alarm(Monitor("bounded", STATISTIC), [1.0] * 500, drawn(share(0.8), rnd, 300))
    assert found is not None
    assert found <= 100


def test_a_rate_above_the_agreed_one() -> None:
    delays = []
    for run in range(RUNS):
        rnd = random.Random(run)
        watched = drawn(share(0.01), rnd, 3000)
        delays.append(first_alarm(Monitor("rare", STATISTIC, agreed=0.001), (), watched) or NEVER)
    assert median(delays) <= 600
