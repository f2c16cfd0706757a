"""How small a drop would have been seen: the same ledger, on the visitor's own values with a drop put in."""

import random
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass

from analyzer.backtest.driving import Driver, Fact
from analyzer.model import Metric
from shared.events.quality import RegressionDetected

POWER = 0.8
RUNS = 20
_BLOCK = 25
_MOST = 1000
_STEPS = 7


@dataclass(frozen=True, slots=True)
class Detectable:
    """The drop, of the scale from 0 to 1, that was raised in `power` of `runs` simulated pasts.

    It began after `before` values and was raised within `after` more. None: not even a fall to the worst was.
    """

    drop: float | None
    before: int
    after: int
    power: float = POWER
    runs: int = RUNS


def detectable(values: Sequence[float], metric: Metric, seed: int = 1) -> Detectable:
    """Simulates with blocks of 25 successive values, drawn anew for each run, so that short dependence stays.

    From the middle on, each value becomes the worst one with a probability q, which makes the mean fall by q times
    itself: answers that fail, rather than answers that are all a little worse. Each run finds its smallest q by
    halving; the drop that is told is the one that sufficed in 80 % of the runs.
    """
    half = min(_MOST, len(values) // 2)
    rng = random.Random(seed)  # noqa: S311  # a simulation
    found = sorted(_smallest(_drawn(values, 2 * half, rng), half, metric, rng) for _ in range(RUNS))
    needed = found[round(POWER * RUNS) - 1]
    return Detectable(needed if needed <= 1.0 else None, half, half)


def _drawn(values: Sequence[float], n: int, rng: random.Random) -> list[float]:
    """`n` values in blocks of successive ones."""
    drawn: list[float] = []
    while len(drawn) < n:
        start = rng.randrange(max(1, len(values) - _BLOCK + 1))
        drawn += values[start : start + _BLOCK]
    return drawn[:n]


def _smallest(values: Sequence[float], half: int, metric: Metric, rng: random.Random) -> float:
    """The smallest drop from `half` on that is raised; infinite where none is."""
    driver = Driver()
    watched = driver.watch(None, metric)
    for at, value in enumerate(values[:half]):
        driver.take(watched, Fact("", float(at)), value)
    later = values[half:]
    fate = [rng.random() for _ in later]

    def raised(share: float) -> bool:
        spare = deepcopy(driver)
        return any(
            isinstance(turn, RegressionDetected)
            for at, (value, drawn) in enumerate(zip(later, fate, strict=True), half)
            for turn in spare.take(watched, Fact("", float(at)), 0.0 if drawn < share else value)
        )

    if not later or not raised(1.0):
        return float("inf")
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        low, high = (low, middle) if raised(middle) else (middle, high)
    return high * sum(later) / len(later)
