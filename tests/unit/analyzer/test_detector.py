"""The sequential test keeps its level however often one looks, and a naive one does not.

Seeds are fixed, so nothing here can flake. `SUITE` is what any detector must pass: 200 quiet pairs of streams in each
family, looked at after every value. At a true rate of 5 % more than 20 alarms of 200 come with a chance below 0.1 %.
"""

import math
import random
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.detector import BettingDetector
from analyzer.model import Detector, Memory

ALPHA = 0.05
RUNS, REFERENCE, WATCHED, ALLOWED = 200, 250, 1500, 20
Draw = Callable[[random.Random], float]
JUDGE = ((0.0, 0.25, 0.5, 0.75, 1.0), (0.03, 0.05, 0.12, 0.3, 0.5))


def share(p: float) -> Draw:
    return lambda rnd: float(rnd.random() < p)


def judge(rnd: random.Random) -> float:
    return rnd.choices(*JUDGE)[0]


QUIET: dict[str, Draw] = {
    "thumbs": share(0.85),
    "judge": judge,
    "beta": lambda rnd: rnd.betavariate(8.0, 2.0),
    "rare failures": share(0.995),
    "coin": share(0.5),
}


class NaiveZ:
    """What one must not do: a two-sample z-test at every value."""

    method = "naive"

    def fresh(self) -> Memory:
        return [0.0, 0.0, 0.0]

    def learn(self, memory: Memory, value: float) -> None:
        memory[:] = [memory[0] + 1.0, memory[1] + value, memory[2] + value * value]

    def lower(self, memory: Memory, alpha: float) -> float:
        return memory[1] / memory[0]

    def watch(self, reference: Memory, alpha: float) -> Memory:
        return [*reference, 0.0, 0.0, 0.0]

    def watch_bound(self, bound: float, alpha: float) -> Memory:
        return self.watch([1e9, bound * 1e9, bound * 1e9], alpha)

    def observe(self, evidence: Memory, value: float) -> None:
        evidence[3:] = [evidence[3] + 1.0, evidence[4] + value, evidence[5] + value * value]

    def significant(self, evidence: Memory) -> bool:
        (n, total, squares), (m, late, late_squares) = evidence[:3], evidence[3:]
        variance = (squares / n - (total / n) ** 2) / n + (late_squares / m - (late / m) ** 2) / m
        return m >= 100 and variance > 0 and total / n - late / m > 1.645 * math.sqrt(variance)


def first_alarm(detector: Detector, reference: Sequence[float], watched: Sequence[float]) -> int | None:
    """How many watched values it took, looking after each of them."""
    memory = detector.fresh()
    for value in reference:
        detector.learn(memory, value)
    evidence = detector.watch(memory, ALPHA)
    for index, value in enumerate(watched, 1):
        detector.observe(evidence, value)
        if detector.significant(evidence):
            return index
    return None


def false_alarms(detector: Detector, draw: Draw, seed: str) -> int:
    alarms = 0
    for run in range(RUNS):
        rnd = random.Random(f"{seed}-{run}")
        reference = [draw(rnd) for _ in range(REFERENCE)]
        alarms += first_alarm(detector, reference, [draw(rnd) for _ in range(WATCHED)]) is not None
    return alarms


def keeps_its_level(detector: Detector, family: str) -> None:
    assert false_alarms(detector, QUIET[family], family) <= ALLOWED


@pytest.mark.parametrize("family", QUIET)
def test_quiet_streams_raise_no_more_alarms_than_promised(family: str) -> None:
    keeps_its_level(BettingDetector(), family)


@pytest.mark.parametrize("family", ["thumbs", "judge"])
def test_a_naive_detector_fails_the_same_suite(family: str) -> None:
    with pytest.raises(AssertionError):
        keeps_its_level(NaiveZ(), family)


@pytest.mark.parametrize(("draw", "worse", "within"), [
    (share(0.85), share(0.70), 200),
    (share(0.85), share(0.60), 90),
    (judge, lambda rnd: judge(rnd) * 0.8, 150),
])  # fmt: skip
def test_a_drop_is_found(draw: Draw, worse: Draw, within: int) -> None:
    """The median over 60 runs, with 1,000 values to compare with."""
    delays = []
    for run in range(60):
        rnd = random.Random(run)
        reference = [draw(rnd) for _ in range(1000)]
        delays.append(first_alarm(BettingDetector(), reference, [worse(rnd) for _ in range(2000)]) or 10_000)
    assert sorted(delays)[30] <= within


def test_a_late_drop_is_found_too() -> None:
    rnd = random.Random(5)
    reference = [float(rnd.random() < 0.9) for _ in range(1000)]
    watched = [float(rnd.random() < (0.9 if index < 3000 else 0.6)) for index in range(4000)]
    found = first_alarm(BettingDetector(), reference, watched)
    assert found is not None
    assert 3000 < found < 3250


def test_an_improvement_is_no_alarm() -> None:
    rnd = random.Random(6)
    reference = [float(rnd.random() < 0.6) for _ in range(500)]
    assert first_alarm(BettingDetector(), reference, [float(rnd.random() < 0.9) for _ in range(2000)]) is None


def test_the_lower_bound_covers_at_all_times() -> None:
    """A bound at 2.5 % is above the true mean, at any moment, in no more than 2.5 % of runs (here: ≤ 12 of 200)."""
    detector, broken = BettingDetector(), 0
    for run in range(RUNS):
        rnd, memory = random.Random(run), BettingDetector().fresh()
        above = False
        for index in range(1, 601):
            detector.learn(memory, float(rnd.random() < 0.85))
            above = above or (index % 20 == 0 and detector.lower(memory, 0.025) > 0.85)
        broken += above
    assert broken <= 12


def test_the_lower_bound_closes_in() -> None:
    memory, detector = BettingDetector().fresh(), BettingDetector()
    rnd, widths = random.Random(1), []
    for index in range(1, 10_001):
        detector.learn(memory, float(rnd.random() < 0.85))
        if index in (100, 1_000, 10_000):
            widths.append(memory[1] / memory[0] - detector.lower(memory, 0.025))
    assert widths[0] > widths[1] > widths[2]
    assert widths[2] < 0.02


values = st.lists(st.floats(0, 1), max_size=80)


@given(values, values)
def test_memory_is_of_constant_size_and_finite(reference: list[float], watched: list[float]) -> None:
    detector = BettingDetector()
    memory = detector.fresh()
    for value in reference:
        detector.learn(memory, value)
    evidence = detector.watch(memory, ALPHA)
    size = len(evidence)
    for value in watched:
        detector.observe(evidence, value)
    assert len(memory) == 3
    assert len(evidence) == size
    assert all(math.isfinite(number) and number >= 0.0 for number in evidence)


@given(st.floats(0.01, 0.99), st.lists(st.booleans(), min_size=1, max_size=10))
@settings(max_examples=50)
def test_nobody_expects_to_win_while_nothing_fell(mean: float, prefix: list[bool]) -> None:
    """A bet is fair at the bound: the mean of the capital after a value with mean `bound` is the capital before."""
    detector = BettingDetector()
    evidence = detector.watch_bound(mean, ALPHA)
    for value in prefix:
        detector.observe(evidence, float(value))
    up, down = list(evidence), list(evidence)
    detector.observe(up, 1.0)
    detector.observe(down, 0.0)
    expected = mean * wealth(up) + (1 - mean) * wealth(down)
    assert expected == pytest.approx(wealth(evidence))


def wealth(evidence: Memory) -> float:
    """All capital, that which is not staked yet included."""
    steps = evidence[2]
    return sum(evidence[3:]) / 4 + 0.5 * 500.0 / (steps + 500.0)
