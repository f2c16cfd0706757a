"""The smallest detectable drop, by simulation: the engine on resampled values with an inserted drop."""

import math
import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from statistics import median

from analyzer.domain.watch_rules import Rule
from ratchet_backtest.replay_engine import ReplayEngine, WatchedMetric, to_percentage_points
from shared.events.quality import RegressionDetected

POWER = 0.8
RUNS = 20
_BLOCK = 25
_MAX_VALUES = 1000
_STEPS = 6
"""Bisections of the logarithm between half the floor and the maximum: exact to about 6 %, rounded up."""
_TENFOLD = math.log(10.0)
_MIN_HEADROOM = 1.1
_STRIDE = 250
"""Values after which a run ends if the drop was detected."""


@dataclass(frozen=True, slots=True)
class Detectable:
    """The drop, in points or per cent, that is detected in `power` of `runs` simulations.

    It starts after `before` values and is detected within `after` more. None: not even the largest one is. `most` is
    the largest possible drop and `floor` the smallest reported one, in the same unit.
    """

    drop: float | None
    before: int
    after: int
    runs: int
    power: float = POWER
    most: float = math.inf
    floor: float = 0.0

    @property
    def no_headroom(self) -> bool:
        """Whether values are so close to the worst end of their scale that no drop can reach the floor."""
        return self.before > 0 and self.most < _MIN_HEADROOM * self.floor


def simulate_detectable_drop(
    values: Sequence[float],
    watched: WatchedMetric,
    rules: Sequence[Rule] = (),
    seed: int = 1,
    advance: Callable[[float], None] = lambda part: None,
) -> Detectable:
    """Simulate runs and return the smallest drop that 80 % of them detect.

    Each run resamples blocks of 25 successive values, which keeps short dependence, and inserts a drop from the middle
    on: some values from 0 to 1 become 0 (answers that fail), latencies and costs grow by a factor. `advance` is called
    with the finished part of the work, 0 to 1.
    """
    half = min(_MAX_VALUES, len(values) // 2)
    rng = random.Random(seed)  # noqa: S311  # a simulation
    runs = [_simulate(_resample(values, 2 * half, rng), half, watched, rules, rng) for _ in range(RUNS)]
    needed = _smallest(runs, watched, advance)
    metric = watched.metric
    return Detectable(
        None if needed is None else to_percentage_points(needed, metric),
        half,
        half,
        RUNS,
        most=to_percentage_points(median(run.most for run in runs), metric),
        floor=to_percentage_points(runs[0].engine.floor(watched), metric),
    )


def _resample(values: Sequence[float], n: int, rng: random.Random) -> list[float]:
    """Return `n` values in blocks of successive ones."""
    drawn: list[float] = []
    while len(drawn) < n:
        start = rng.randrange(max(1, len(values) - _BLOCK + 1))
        drawn += values[start : start + _BLOCK]
    return drawn[:n]


@dataclass(frozen=True, slots=True)
class _SimulatedRun:
    """A simulated run: `engine` has processed the first half; `most` is the largest possible drop of `later`."""

    engine: ReplayEngine
    watched: WatchedMetric
    later: Sequence[float]
    fate: Sequence[float]
    most: float

    def detects(self, drop: float) -> bool:
        """Return whether a drop of the mean, on the metric's scale, is detected."""
        real = self.watched.metric.kind == "real"
        part = min(drop / self.most, 1.0) if self.most > 0.0 else 0.0
        if part <= 0.0:
            return False
        copy, half = deepcopy(self.engine), len(self.later)
        lowered = [_lowered(value, part, drawn, real) for value, drawn in zip(self.later, self.fate, strict=True)]
        return any(
            isinstance(event, RegressionDetected)
            for start in range(0, half, _STRIDE)
            for event in copy.apply_all(self.watched, half + start, lowered[start : start + _STRIDE])
        )


def _simulate(
    values: Sequence[float], half: int, watched: WatchedMetric, rules: Sequence[Rule], rng: random.Random
) -> _SimulatedRun:
    engine = ReplayEngine(rules)
    engine.apply_all(watched, 0, values[:half])
    later = values[half:]
    most = _TENFOLD if watched.metric.kind == "real" else sum(later, 0.0) / max(len(later), 1)
    return _SimulatedRun(engine, watched, later, [rng.random() for _ in later], most)


def _smallest(runs: Sequence[_SimulatedRun], watched: WatchedMetric, advance: Callable[[float], None]) -> float | None:
    """Return the smallest drop that enough runs detect, or None; a run that detects a drop detects larger ones."""
    enough, high = round(POWER * len(runs)), max(run.most for run in runs)
    open_runs, sure = [], 0
    for done, run in enumerate(runs):
        if run.detects(high):
            open_runs.append(run)
        advance((done + 1) / (2 * len(runs)))
    if len(open_runs) < enough:
        return None
    low = min(runs[0].engine.floor(watched) / 2.0, high)
    for step in range(_STEPS):
        middle = math.sqrt(low * high)
        detected = [run.detects(middle) for run in open_runs]
        lower = sure + sum(detected) >= enough
        # Only runs that detect `high` but not `low` are evaluated again.
        open_runs = [run for run, saw in zip(open_runs, detected, strict=True) if saw == lower]
        low, high, sure = (low, middle, sure) if lower else (middle, high, sure + sum(detected))
        advance(0.5 + (step + 1) / (2 * _STEPS))
    return high


def _lowered(value: float, part: float, drawn: float, real: bool) -> float:
    if real:
        return value - part * _TENFOLD
    return 0.0 if drawn < part else value
