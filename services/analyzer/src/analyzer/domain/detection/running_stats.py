"""Running statistics of a stream: level, spread, skewness and long-run variance, in constant size."""

import math
from collections.abc import Sequence

from analyzer.domain.detection.types import JsonState, ValueKind

BLOCK = 5
"""Values are averaged in blocks of this many; everything below counts blocks."""
CLIP = 3.0
"""Blocks are clipped at this many standard deviations, so that a short burst does not count as a drop."""
COARSE = (20, 80, 320)
"""Lengths, in blocks, whose means show slow movement: seasons, long correlations."""
_TRUSTED = (0.5, 1.0, 1.0)
"""Standard errors by which each coarse variance is reduced before it counts."""
_FEW = 6
_FREE = 10
_REFRESH = 5
_MOST_CORRELATION = 0.6
_CAREFUL = 1.2
"""Exponent of the inflation: slow variance is underestimated, the more so the larger it is."""
_PSEUDO = 0.5
"""Pseudo-count: the variance of a bounded stream includes one best and one worst value, so it is never 0.

The same holds for an unbounded stream (logarithms of amounts) while its values are equal, as with a cost of 0: without
a variance it could never be compared with a later version.
"""


class RunningStats:
    """Sums over clipped block means, as distances from the first block, and statistics derived from them.

    `variance`: of a block mean. `inflation` (1 or more): factor by which correlation and seasons raise the variance of
    a sum. `skew`: third standardised moment of a block mean. `excess`: sum that clipping removed. `squares`: of single
    values. Derived statistics are updated with each fifth block.
    """

    __slots__ = (
        "_before",
        "_blocks",
        "_cubes",
        "_high",
        "_lag",
        "_low",
        "_marks",
        "_spread",
        "bounded",
        "coarse",
        "excess",
        "inflation",
        "n",
        "origin",
        "skew",
        "squares",
        "sum",
        "variance",
    )  # fmt: skip

    def __init__(self, bounded: bool) -> None:
        self.bounded = bounded
        self.n = 0
        self.origin = self.sum = self.squares = self.excess = 0.0
        self._before = self._lag = self._cubes = self._spread = self._blocks = 0.0
        self._low, self._high = -1e300, 1e300
        self.variance, self.inflation, self.skew = 0.0, 1.0, 0.0
        self._marks = [0.0] * len(COARSE)
        self.coarse: list[list[float]] = [[0, 0.0, 0.0] for _ in COARSE]

    def add(self, mean: float, square: float) -> float:
        """Add a block by the mean of its values and of their squares; return its clipped distance from the origin."""
        n = self.n
        if n == 0:
            self.origin = mean
        origin = self.origin
        far = mean - origin
        self.squares += square - origin * (mean + far)
        self._spread += far * far
        if far < self._low:
            self.excess += far - self._low
            far = self._low
        elif far > self._high:
            self.excess += far - self._high
            far = self._high
        if n >= _FREE:
            third = far - self.sum / n
            self._cubes += third * third * third
        self._lag += far * self._before
        self._before = far
        self.n = n = n + 1
        self.sum += far
        self._blocks += far * far
        if n % _REFRESH == 0:
            self._refresh()
        return far

    @property
    def level(self) -> float:
        """The mean of all values, unclipped."""
        return self.origin + (self.sum + self.excess) / self.n

    @property
    def spread(self) -> float:
        """The variance of single values."""
        mean = (self.sum + self.excess) / self.n
        return max(0.0, self.squares / self.n - mean * mean)

    @property
    def clip_bounds_of_block_means(self) -> tuple[float, float]:
        """The lowest and the highest block mean that is not clipped."""
        return self.origin + self._low, self.origin + self._high

    def _refresh(self) -> None:
        n = self.n
        if n % COARSE[0] == 0:
            self._coarsen()
        if n < _FREE:
            return
        mean, centre = self.sum / n, (self.sum + self.excess) / n
        fine = max(0.0, (self._blocks - n * mean * mean) / (n - 1))
        pseudo = _PSEUDO / (BLOCK * (n * BLOCK + 2.0)) if self.bounded or fine <= 0.0 else 0.0
        deviation = math.sqrt(max(0.0, (self._spread - n * centre * centre) / (n - 1)) + pseudo)
        self._low, self._high = centre - CLIP * deviation, centre + CLIP * deviation
        self.variance = float(f"{fine + pseudo:.5g}")
        if fine <= 0.0:
            return
        self.skew = self._cubes / (n - _FREE) / self.variance**1.5 if n > 2 * _FREE else 0.0
        self.inflation = float(f"{self._inflated(mean, fine):.4g}")

    def _coarsen(self) -> None:
        for index, length in enumerate(COARSE):
            if self.n % length == 0:
                count, mean, spread = self.coarse[index]
                value = (self.sum - self._marks[index]) / length
                move = value - mean
                mean += move / (count + 1)
                self.coarse[index] = [count + 1, mean, spread + move * (value - mean)]
                self._marks[index] = self.sum

    def _inflated(self, mean: float, variance: float) -> float:
        """Return the largest inflation by neighbours' correlation or a coarse variance; 1 if none is significant."""
        n = self.n
        correlation = min((self._lag - (n - 1) * mean * mean) / ((n - 1) * variance), _MOST_CORRELATION)
        largest = (1.0 + correlation) / (1.0 - correlation) if correlation > 0.0 else 1.0
        for length, trusted, (count, _, spread) in zip(COARSE, _TRUSTED, self.coarse, strict=True):
            if count >= _FEW:
                ratio = spread / (count - 1) * length / variance
                largest = max(largest, ratio / (1.0 + trusted * math.sqrt(2.0 / (count - 1))))
        return math.pow(largest, _CAREFUL)

    def dump(self) -> JsonState:
        sums = [self.n, self.origin, self.sum, self.squares, self.excess, self._before, self._lag, self._cubes]
        derived = [self._spread, self._blocks, self._low, self._high, self.variance, self.inflation, self.skew]
        return [self.bounded, *sums, *derived, self._marks, self.coarse]

    @classmethod
    def load(cls, state: JsonState) -> "RunningStats":
        """Return the statistics that `dump` wrote."""
        stats = cls(state[0])
        stats.n, stats.origin, stats.sum, stats.squares, stats.excess, stats._before, stats._lag, stats._cubes = state[
            1:9
        ]
        stats._spread, stats._blocks, stats._low, stats._high = state[9:13]
        stats.variance, stats.inflation, stats.skew = state[13:16]
        stats._marks, stats.coarse = list(state[16]), [list(each) for each in state[17]]
        return stats


_TINY = 1e-9
Block = tuple[float, float]
"""The mean of a block's values, and the mean of their squares."""


class BlockAverager:
    """Averages values in blocks, on the scale of comparison: smaller is worse."""

    __slots__ = ("_filled", "_logarithmic", "_square", "_total")

    def __init__(self, kind: ValueKind) -> None:
        self._logarithmic = kind == "positive"
        self._filled, self._total, self._square = 0, 0.0, 0.0

    def add(self, value: float) -> Block | None:
        """Add a value and return the block that it completes, else None.

        NaN is ignored. For `positive` values, 0 and less count as 1e-9 before the logarithm.
        """
        if self._logarithmic:
            value = -math.log(value if value > _TINY else _TINY) if value == value else value
        if value != value:
            return None
        self._total += value
        self._square += value * value
        if self._filled < BLOCK - 1:
            self._filled += 1
            return None
        block = self._total / BLOCK, self._square / BLOCK
        self._filled, self._total, self._square = 0, 0.0, 0.0
        return block

    def complete(self, values: Sequence[float]) -> list[tuple[int, Block]]:
        """Return the blocks that these values would complete, each with the index of its last value.

        Values must not be NaN, nor of the kind `positive`. The state stays as it is: see `keep`.
        """
        first = BLOCK - self._filled
        if first > len(values):
            return []
        total, square = self._total, self._square
        for value in values[:first]:
            total += value
            square += value * value
        found = [(first - 1, (total / BLOCK, square / BLOCK))]
        for start in range(first, len(values) - BLOCK + 1, BLOCK):
            a, b, c, d, e = values[start : start + BLOCK]
            means = (0.0 + a + b + c + d + e) / BLOCK, (0.0 + a * a + b * b + c * c + d * d + e * e) / BLOCK
            found.append((start + BLOCK - 1, means))
        return found

    def keep(self, values: Sequence[float]) -> None:
        """Add the values whose blocks `complete` has returned."""
        filled = self._filled + len(values)
        rest = values
        if filled >= BLOCK:
            self._total, self._square = 0.0, 0.0
            rest = values[len(values) - filled % BLOCK :]
        for value in rest:
            self._total += value
            self._square += value * value
        self._filled = filled % BLOCK

    @property
    def waiting(self) -> int:
        """The number of values in the incomplete block."""
        return self._filled

    def dump(self) -> JsonState:
        return [self._filled, self._total, self._square]

    @classmethod
    def load(cls, kind: ValueKind, state: JsonState) -> "BlockAverager":
        """Return the averager that `dump` wrote."""
        blocks = cls(kind)
        blocks._filled, blocks._total, blocks._square = state
        return blocks
