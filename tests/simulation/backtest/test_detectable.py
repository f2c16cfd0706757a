"""The smallest drop that would have been detected."""

import random

import pytest

from analyzer.domain.metrics.extraction import metric_named
from analyzer.domain.watch_rules import Rule
from ratchet_backtest.detectable_drop import simulate_detectable_drop
from ratchet_backtest.replay_engine import ReplayEngine

THUMB = ReplayEngine().watch(None, metric_named("thumb"))
LATENCY = ReplayEngine().watch("shop", metric_named("latency_ms"))


def thumbs(n: int, share: float = 0.85) -> list[float]:
    rng = random.Random(3)
    return [float(rng.random() < share) for _ in range(n)]


def test_more_values_detect_smaller_drops() -> None:
    few, many = (simulate_detectable_drop(thumbs(n), THUMB) for n in (800, 2000))
    assert few.drop is not None
    assert many.drop is not None
    assert 4 <= many.drop < few.drop
    assert (few.before, few.after, many.before, many.after) == (400, 400, 1000, 1000)


def test_less_variance_detects_smaller_drops() -> None:
    steady = simulate_detectable_drop([0.8] * 800, THUMB)
    wide = simulate_detectable_drop(thumbs(800, 0.8), THUMB)
    assert steady.drop is not None
    assert wide.drop is not None
    assert steady.drop < wide.drop


@pytest.mark.parametrize("n", [0, 1, 30, 250])
def test_too_few_values_detect_nothing(n: int) -> None:
    assert simulate_detectable_drop(thumbs(n), THUMB).drop is None


def test_result_is_deterministic() -> None:
    values = thumbs(500)
    assert simulate_detectable_drop(values, THUMB) == simulate_detectable_drop(values, THUMB)


def test_latency_drop_is_a_growth_in_percent() -> None:
    rng = random.Random(5)
    found = simulate_detectable_drop([-rng.gauss(6.5, 0.5) for _ in range(1200)], LATENCY)
    assert found.drop is not None
    assert 10 <= found.drop <= 40


def test_watch_rule_applies() -> None:
    strict = simulate_detectable_drop(thumbs(1000), THUMB, [Rule(floor=20)])
    assert strict.drop is not None
    assert strict.drop >= 15


def test_progress_reaches_the_end() -> None:
    progress: list[float] = []
    simulate_detectable_drop(thumbs(600), THUMB, advance=progress.append)
    assert progress == sorted(progress)
    assert progress[-1] == 1.0


@pytest.mark.parametrize("most", [0.02, 0.09, 0.1])
def test_values_near_the_worst_end_cannot_drop_detectably(most: float) -> None:
    rng = random.Random(4)
    low = simulate_detectable_drop([rng.uniform(0.0, most) for _ in range(600)], THUMB)
    assert (low.drop, low.no_headroom) == (None, True)
    assert not simulate_detectable_drop(thumbs(30), THUMB).no_headroom
