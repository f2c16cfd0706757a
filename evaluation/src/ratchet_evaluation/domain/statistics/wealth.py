"""Evidence about the mean of bounded values by betting, and the confidence sequence that follows from it.

Values are in [-1, 1] and independent. The evidence against "the mean is at most m" is the wealth of a mixture of
constant bets; under that hypothesis it is a supermartingale that starts at 1, so it ever reaches 1/alpha with a
probability of at most alpha, for any distribution (Ville, 1939). Interval: all means that are not refuted (Waudby-Smith
and Ramdas, 2024, Estimating means of bounded random variables by betting). The wealth of a mixture does not depend on
the order of values.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

LEVEL = 0.95
SHARES = (
    0.03, 0.04950092199275063, 0.08167804260441276, 0.13477128051605333,
    0.22237675478960897, 0.3669284797280491, 0.6054432683978913, 0.999,
)  # fmt: skip
"""Shares of the largest admissible bet, a geometric sequence; each gets the same part of the wealth. Chosen by
benchmarks/evaluation.py."""
_BISECTIONS = 40

Values: TypeAlias = "npt.NDArray[np.float64]"


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """The mean of `n` values with a confidence sequence at `level`; without values it is [-1, 1]."""

    n: int
    mean: float | None
    low: float
    high: float
    level: float = LEVEL


def threshold_of(level: float) -> float:
    """Return the log wealth that refutes a mean: half of 1 - `level` for each side of the interval."""
    return math.log(2.0 / (1.0 - level))


class Wealth:
    """Running log wealth of the bets against "the mean is at most `limit`" (`side` 1) or "at least" (`side` -1)."""

    __slots__ = ("_bets", "_limit", "_logs", "_side", "_threshold", "n")

    def __init__(self, limit: float, side: Literal[1, -1] = 1, level: float = LEVEL) -> None:
        self._side = side
        self._threshold = threshold_of(level)
        self._limit = (side * limit + 1.0) / 2.0
        self._bets = _bets(self._limit)
        self._logs = [0.0] * len(SHARES)
        self.n = 0

    def add(self, value: float) -> None:
        """Add a value. Raises ValueError outside [-1, 1], also for NaN."""
        if not -1.0 <= value <= 1.0:
            raise ValueError(f"{value} is not between -1 and 1")
        gain = (self._side * value + 1.0) / 2.0 - self._limit
        self._logs = [log + math.log1p(bet * gain) for log, bet in zip(self._logs, self._bets, strict=True)]
        self.n += 1

    @property
    def log_wealth(self) -> float:
        return _mixed(self._logs)

    @property
    def refuted(self) -> bool:
        return self.log_wealth >= self._threshold

    def needed(self) -> int | None:
        """Return how many values like those so far refute the limit; None if the wealth does not grow."""
        if not self.n or max(self._logs) <= 0.0:
            return None
        growth = [log / self.n for log in self._logs]
        few, many = 0, 1
        while _mixed_after(growth, many) < self._threshold:
            few, many = many, many * 2
        while many - few > 1:
            middle = (few + many) // 2
            few, many = (few, middle) if _mixed_after(growth, middle) >= self._threshold else (middle, many)
        return many


def estimate_mean(values: "Sequence[float] | Values", level: float = LEVEL) -> MeanInterval:
    """Return the mean with the interval of all means that the bets do not refute. Values are in [-1, 1]."""
    found = np.asarray(values, dtype=np.float64)
    if not len(found):
        return MeanInterval(0, None, -1.0, 1.0, level)
    distinct, counts = np.unique(found, return_counts=True)
    mean = float(math.fsum(distinct * counts) / len(found))
    threshold = threshold_of(level)
    low = _lower_end((distinct + 1.0) / 2.0, counts, threshold)
    high = _lower_end((1.0 - distinct) / 2.0, counts, threshold)
    return MeanInterval(len(found), mean, min(2.0 * low - 1.0, mean), max(1.0 - 2.0 * high, mean), level)


def _lower_end(values: Values, counts: "npt.NDArray[np.intp]", threshold: float) -> float:
    """Return the largest refuted mean of values in [0, 1]; 0 if none is. Wealth falls as the tested mean rises."""
    refuted, kept = 0.0, 1.0
    for _ in range(_BISECTIONS):
        middle = (refuted + kept) / 2.0
        logs = (counts @ np.log1p(np.outer(values - middle, _bets(middle)))).tolist()
        refuted, kept = (middle, kept) if _mixed(logs) >= threshold else (refuted, middle)
    return refuted


def _bets(limit: float) -> list[float]:
    """Return bets that lose less than everything at the value 0; the limit is in [0, 1]."""
    return [share / max(limit, 1e-9) for share in SHARES]


def _mixed_after(growth: Sequence[float], n: int) -> float:
    return _mixed([n * each for each in growth])


def _mixed(logs: Sequence[float]) -> float:
    """Return the log of the mean of exponentials."""
    most = max(logs)
    return most + math.log(math.fsum(math.exp(log - most) for log in logs) / len(logs))
