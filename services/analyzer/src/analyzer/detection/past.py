"""What is remembered of a stream's past: level, spread, skewness and long-run variance, in constant size."""

import math

from analyzer.detection.words import State

BLOCK = 5
"""Values are averaged in blocks of this many; everything below counts blocks."""
CLIP = 3.0
"""Blocks are clipped at this many standard deviations, so that a short burst is no drop."""
COARSE = (20, 80, 320)
"""Lengths, in blocks, whose means show slow movement: seasons, long correlations."""
_TRUSTED = (0.5, 1.0, 1.0)
"""How far, in standard errors, each coarse variance must exceed the fine one before it counts."""
_FEW = 6
_FREE = 10
_REFRESH = 5
_MOST_CORRELATION = 0.6


class Past:
    """Sums over clipped block means, and what follows from them.

    `variance` is that of a block; `inflation` (1 or more) is what correlation and seasons add to the variance of a sum;
    `skew` is the third standardised moment of a block.
    """

    __slots__ = ("_before", "_cubes", "_high", "_lag", "_low", "_marks", "_spread", "coarse", "inflation", "level", "n",
                 "raw", "skew", "squares", "sum", "variance")  # fmt: skip

    def __init__(self) -> None:
        self.n = 0
        self.sum = self.squares = self.raw = 0.0
        self._before = self._lag = self._cubes = 0.0
        self.level = self._spread = 0.0
        self._low, self._high = -math.inf, math.inf
        self.variance, self.inflation, self.skew = 0.0, 1.0, 0.0
        self._marks = [0.0] * len(COARSE)
        self.coarse = [[0, 0.0, 0.0] for _ in COARSE]

    def add(self, mean: float) -> float:
        """Takes the mean of a block; the mean as it was counted."""
        n = self.n
        self.raw += mean
        move = mean - self.level
        self.level += move / (n + 1)
        self._spread += move * (mean - self.level)
        clipped = self._low if mean < self._low else self._high if mean > self._high else mean
        if n >= _FREE:
            self._cubes += (clipped - self.sum / n) ** 3
        self._lag += clipped * self._before
        self._before = clipped
        self.n = n = n + 1
        self.sum += clipped
        self.squares += clipped * clipped
        if n % _REFRESH == 0:
            self._refresh()
        return clipped

    def _refresh(self) -> None:
        n = self.n
        if n % COARSE[0] == 0:
            self._coarsen()
        if n < _FREE:
            return
        deviation = math.sqrt(self._spread / (n - 1))
        self._low, self._high = self.level - CLIP * deviation, self.level + CLIP * deviation
        mean = self.sum / n
        self.variance = max(0.0, (self.squares - n * mean * mean) / (n - 1))
        if self.variance <= 0.0:
            return
        self.skew = self._cubes / (n - _FREE) / self.variance**1.5 if n > 2 * _FREE else 0.0
        self.inflation = self._inflated(mean)

    def _coarsen(self) -> None:
        for place, length in enumerate(COARSE):
            if self.n % length == 0:
                count, mean, spread = self.coarse[place]
                value = (self.sum - self._marks[place]) / length
                move = value - mean
                mean += move / (count + 1)
                self.coarse[place] = [count + 1, mean, spread + move * (value - mean)]
                self._marks[place] = self.sum

    def _inflated(self, mean: float) -> float:
        """The largest of what neighbours' correlation and each coarse variance say; 1 where none is significant."""
        n, variance = self.n, self.variance
        correlation = min((self._lag - (n - 1) * mean * mean) / ((n - 1) * variance), _MOST_CORRELATION)
        largest = (1.0 + correlation) / (1.0 - correlation) if correlation > 0.0 else 1.0
        for length, trusted, (count, _, spread) in zip(COARSE, _TRUSTED, self.coarse, strict=True):
            if count >= _FEW:
                ratio = spread / (count - 1) * length / variance
                largest = max(largest, ratio / (1.0 + trusted * math.sqrt(2.0 / (count - 1))))
        return largest

    @property
    def clips(self) -> tuple[float, float]:
        """The lowest and the highest block mean that is counted as it is."""
        return self._low, self._high

    @property
    def raw_variance(self) -> float:
        """The variance of a block before clipping."""
        return self._spread / (self.n - 1) if self.n > 1 else 0.0

    def dump(self) -> State:
        low = None if self._low == -math.inf else [self._low, self._high]
        sums = [
            self.n,
            self.sum,
            self.squares,
            self.raw,
            self._before,
            self._lag,
            self._cubes,
            self.level,
            self._spread,
        ]
        return [*sums, low, self.variance, self.inflation, self.skew, self._marks, self.coarse]

    @classmethod
    def load(cls, state: State) -> "Past":
        """The past that `dump` wrote."""
        past = cls()
        past.n, past.sum, past.squares, past.raw, past._before, past._lag, past._cubes, past.level, past._spread = (
            state[:9]
        )
        if state[9] is not None:
            past._low, past._high = state[9]
        past.variance, past.inflation, past.skew = state[10:13]
        past._marks, past.coarse = list(state[13]), [list(each) for each in state[14]]
        return past
