"""How small a drop would have been seen: the same ledger, on the visitor's own values with a drop put in."""

import math
import random
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from statistics import median

from analyzer.domain.rules import Rule
from ratchet_backtest.replay_engine import ExecutionFact, ReplayEngine, WatchedMetric, to_percentage_points
from shared.events.quality import RegressionDetected

POWER = 0.8
RUNS = 20
_BLOCK = 25
_MOST = 1000
_STEPS = 6
"""Halvings of the logarithm between half the floor and everything: exact to some 6 %, on the large side."""
_TENFOLD = math.log(10.0)
_ROOM = 1.1
_FACT = ExecutionFact("")


@dataclass(frozen=True, slots=True)
class Detectable:
    """The drop, in points of the scale or per cent, that was raised in `power` of `runs` simulated pasts.

    It began after `before` values and was raised within `after` more. None: not even the worst one was. `most` is the
    largest drop that there is room for, and `floor` the smallest that is raised, both in the same unit.
    """

    drop: float | None
    before: int
    after: int
    runs: int
    power: float = POWER
    most: float = math.inf
    floor: float = 0.0

    @property
    def no_room(self) -> bool:
        """Whether values lie so near to the worst end of their scale that hardly any drop can reach the floor."""
        return self.before > 0 and self.most < _ROOM * self.floor


def detectable(
    values: Sequence[float],
    watched: WatchedMetric,
    rules: Sequence[Rule] = (),
    seed: int = 1,
    advance: Callable[[float], None] = lambda part: None,
) -> Detectable:
    """Simulates with blocks of 25 successive values, drawn anew for each run, so that short dependence stays.

    From the middle on a drop is put in. Of values from 0 to 1, some become 0: answers that fail, rather than answers
    that are all a little worse. Latencies and costs all grow by one factor. Halving finds the smallest drop that 80 %
    of the runs see. `advance` is told which part of the work is done.
    """
    half = min(_MOST, len(values) // 2)
    rng = random.Random(seed)  # noqa: S311  # a simulation
    runs = [_run(_drawn(values, 2 * half, rng), half, watched, rules, rng) for _ in range(RUNS)]
    needed = _smallest(runs, watched, advance)
    metric = watched.metric
    return Detectable(
        None if needed is None else to_percentage_points(needed, metric),
        half,
        half,
        RUNS,
        most=to_percentage_points(median(run.most for run in runs), metric),
        floor=to_percentage_points(runs[0].driver.floor(watched), metric),
    )


def _drawn(values: Sequence[float], n: int, rng: random.Random) -> list[float]:
    """`n` values in blocks of successive ones."""
    drawn: list[float] = []
    while len(drawn) < n:
        start = rng.randrange(max(1, len(values) - _BLOCK + 1))
        drawn += values[start : start + _BLOCK]
    return drawn[:n]


@dataclass(frozen=True, slots=True)
class _Run:
    """A simulated past: `driver` has seen its first half. `most` is the largest drop that `later` has room for."""

    driver: ReplayEngine
    watched: WatchedMetric
    later: Sequence[float]
    fate: Sequence[float]
    most: float

    def raised(self, drop: float) -> bool:
        """Whether a drop of the mean, on the metric's scale, is raised."""
        real = self.watched.metric.kind == "real"
        part = min(drop / self.most, 1.0) if self.most > 0.0 else 0.0
        spare = deepcopy(self.driver)
        return part > 0.0 and any(
            isinstance(turn, RegressionDetected)
            for at, (value, drawn) in enumerate(zip(self.later, self.fate, strict=True), len(self.later))
            for turn in spare.take(self.watched, None, _FACT, float(at), _worse(value, part, drawn, real))
        )


def _run(values: Sequence[float], half: int, watched: WatchedMetric, rules: Sequence[Rule], rng: random.Random) -> _Run:
    driver = ReplayEngine(rules)
    for at, value in enumerate(values[:half]):
        driver.take(watched, None, _FACT, float(at), value)
    later = values[half:]
    most = _TENFOLD if watched.metric.kind == "real" else sum(later, 0.0) / max(len(later), 1)
    return _Run(driver, watched, later, [rng.random() for _ in later], most)


def _smallest(runs: Sequence[_Run], watched: WatchedMetric, advance: Callable[[float], None]) -> float | None:
    """The smallest drop that enough runs see; None if there is none. A run that sees a drop sees larger ones."""
    enough, high = round(POWER * len(runs)), max(run.most for run in runs)
    open_ones, sure = [], 0
    for done, run in enumerate(runs):
        if run.raised(high):
            open_ones.append(run)
        advance((done + 1) / (2 * len(runs)))
    if len(open_ones) < enough:
        return None
    low = min(runs[0].driver.floor(watched) / 2.0, high)
    for step in range(_STEPS):
        middle = math.sqrt(low * high)
        seen = [run.raised(middle) for run in open_ones]
        lower = sure + sum(seen) >= enough
        # Only runs that see `high` but not `low` have to be asked again.
        open_ones = [run for run, saw in zip(open_ones, seen, strict=True) if saw == lower]
        low, high, sure = (low, middle, sure) if lower else (middle, high, sure + sum(seen))
        advance(0.5 + (step + 1) / (2 * _STEPS))
    return high


def _worse(value: float, part: float, drawn: float, real: bool) -> float:
    if real:
        return value - part * _TENFOLD
    return 0.0 if drawn < part else value
