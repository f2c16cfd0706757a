"""What is remembered of a stream's past: level, spread, skewness and long-run variance, in constant size."""

import math

from analyzer.domain.detection.types import State

BLOCK = 5
"""Values are averaged in blocks of this many; everything below counts blocks."""
CLIP = 3.0
"""Blocks are clipped at this many standard deviations, so that a short burst is no drop."""
COARSE = (20, 80, 320)
"""Lengths, in blocks, whose means show slow movement: seasons, long correlations."""
_TRUSTED = (0.5, 1.0, 1.0)
"""How many of its own standard errors each coarse variance is divided by before it counts."""
_FEW = 6
_FREE = 10
_REFRESH = 5
_MOST_CORRELATION = 0.6
_CAREFUL = 1.2
"""Where much of the variance is slow, little of it has been seen: the surcharge grows with what was found."""
_PSEUDO = 0.5
"""A bounded stream's variance is taken as if a best and a worst value had been seen besides: no stream is certain."""


class RunningStats:
    """Sums over clipped block means, as distances from the first block, and what follows from them.

    `variance` is that of a block; `inflation` (1 or more) is what correlation and seasons add to the variance of a sum;
    `skew` is the third standardised moment of a block; `excess` is what clipping took
    off; `squares` are of single values. They are brought up to date
    with each fifth block.
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
        """Takes a block, by the means of its values and of their squares; how far from the origin it was counted."""
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
        """The plain mean of all values."""
        return self.origin + (self.sum + self.excess) / self.n

    @property
    def spread(self) -> float:
        """The variance of single values."""
        mean = (self.sum + self.excess) / self.n
        return max(0.0, self.squares / self.n - mean * mean)

    @property
    def clips(self) -> tuple[float, float]:
        """The lowest and the highest block mean that is counted as it is."""
        return self.origin + self._low, self.origin + self._high

    def _refresh(self) -> None:
        n = self.n
        if n % COARSE[0] == 0:
            self._coarsen()
        if n < _FREE:
            return
        mean, centre = self.sum / n, (self.sum + self.excess) / n
        pseudo = _PSEUDO / (BLOCK * (n * BLOCK + 2.0)) if self.bounded else 0.0
        deviation = math.sqrt(max(0.0, (self._spread - n * centre * centre) / (n - 1)) + pseudo)
        self._low, self._high = centre - CLIP * deviation, centre + CLIP * deviation
        fine = max(0.0, (self._blocks - n * mean * mean) / (n - 1))
        self.variance = float(f"{fine + pseudo:.5g}")
        if fine <= 0.0:
            return
        self.skew = self._cubes / (n - _FREE) / self.variance**1.5 if n > 2 * _FREE else 0.0
        self.inflation = float(f"{self._inflated(mean, fine):.4g}")

    def _coarsen(self) -> None:
        for place, length in enumerate(COARSE):
            if self.n % length == 0:
                count, mean, spread = self.coarse[place]
                value = (self.sum - self._marks[place]) / length
                move = value - mean
                mean += move / (count + 1)
                self.coarse[place] = [count + 1, mean, spread + move * (value - mean)]
                self._marks[place] = self.sum

    def _inflated(self, mean: float, variance: float) -> float:
        """The largest of what neighbours' correlation and each coarse variance say; 1 where none is significant."""
        n = self.n
        correlation = min((self._lag - (n - 1) * mean * mean) / ((n - 1) * variance), _MOST_CORRELATION)
        largest = (1.0 + correlation) / (1.0 - correlation) if correlation > 0.0 else 1.0
        for length, trusted, (count, _, spread) in zip(COARSE, _TRUSTED, self.coarse, strict=True):
            if count >= _FEW:
                ratio = spread / (count - 1) * length / variance
                largest = max(largest, ratio / (1.0 + trusted * math.sqrt(2.0 / (count - 1))))
        return math.pow(largest, _CAREFUL)

    def dump(self) -> State:
        sums = [self.n, self.origin, self.sum, self.squares, self.excess, self._before, self._lag, self._cubes]
        derived = [self._spread, self._blocks, self._low, self._high, self.variance, self.inflation, self.skew]
        return [self.bounded, *sums, *derived, self._marks, self.coarse]

    @classmethod
    def load(cls, state: State) -> "RunningStats":
        """The past that `dump` wrote."""
        past = cls(state[0])
        past.n, past.origin, past.sum, past.squares, past.excess, past._before, past._lag, past._cubes = state[1:9]
        past._spread, past._blocks, past._low, past._high = state[9:13]
        past.variance, past.inflation, past.skew = state[13:16]
        past._marks, past.coarse = list(state[16]), [list(each) for each in state[17]]
        return past
