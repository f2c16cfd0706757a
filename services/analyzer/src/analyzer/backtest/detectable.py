"""How small a drop would have been seen: the same ledger, on the visitor's own values with a drop put in."""

import math
import random
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from analyzer.backtest.driving import Driver, Fact, Watched, points
from analyzer.rules import Rule
from shared.events.quality import RegressionDetected

POWER = 0.8
RUNS = 20
_BLOCK = 25
_MOST = 1000
_STEPS = 6
"""Halvings of the logarithm between half the floor and everything: exact to some 6 %, on the large side."""
_TENFOLD = math.log(10.0)
_FACT = Fact("")


@dataclass(frozen=True, slots=True)
class Detectable:
    """The drop, in points of the scale or per cent, that was raised in `power` of `runs` simulated pasts.

    It began after `before` values and was raised within `after` more. None: not even the worst one was.
    """

    drop: float | None
    before: int
    after: int
    runs: int
    power: float = POWER


def detectable(values: Sequence[float], watched: Watched, rules: Sequence[Rule] = (), seed: int = 1) -> Detectable:
    """Simulates with blocks of 25 successive values, drawn anew for each run, so that short dependence stays.

    From the middle on a drop is put in. Of values from 0 to 1, some become 0: answers that fail, rather than answers
    that are all a little worse. Latencies and costs all grow by one factor. Each run finds its smallest drop by
    halving; the one that is told sufficed in 80 % of the runs.
    """
    half = min(_MOST, len(values) // 2)
    rng = random.Random(seed)  # noqa: S311  # a simulation
    found = sorted(_smallest(_drawn(values, 2 * half, rng), half, watched, rules, rng) for _ in range(RUNS))
    needed = found[round(POWER * RUNS) - 1]
    return Detectable(needed if needed < math.inf else None, half, half, RUNS)


def _drawn(values: Sequence[float], n: int, rng: random.Random) -> list[float]:
    """`n` values in blocks of successive ones."""
    drawn: list[float] = []
    while len(drawn) < n:
        start = rng.randrange(max(1, len(values) - _BLOCK + 1))
        drawn += values[start : start + _BLOCK]
    return drawn[:n]


def _smallest(values: Sequence[float], half: int, watched: Watched, rules: Sequence[Rule], rng: random.Random) -> float:
    """The smallest drop from `half` on that is raised; infinite where none is."""
    driver = Driver(rules)
    for at, value in enumerate(values[:half]):
        driver.take(watched, None, _FACT, float(at), value)
    later = values[half:]
    fate = [rng.random() for _ in later]
    real = watched.metric.kind == "real"

    def raised(part: float) -> bool:
        spare = deepcopy(driver)
        return any(
            isinstance(turn, RegressionDetected)
            for at, (value, drawn) in enumerate(zip(later, fate, strict=True), half)
            for turn in spare.take(watched, None, _FACT, float(at), _worse(value, part, drawn, real))
        )

    whole = _TENFOLD if real else sum(later, 0.0) / max(len(later), 1)
    if whole <= 0.0 or not raised(1.0):
        return math.inf
    low, high = min(driver.floor(watched) / (2.0 * whole), 1.0), 1.0
    for _ in range(_STEPS):
        middle = math.sqrt(low * high)
        low, high = (low, middle) if raised(middle) else (middle, high)
    return points(high * whole, watched.metric)


def _worse(value: float, part: float, drawn: float, real: bool) -> float:
    if real:
        return value - part * _TENFOLD
    return 0.0 if drawn < part else value
