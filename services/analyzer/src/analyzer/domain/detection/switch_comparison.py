"""Test of a declared switch: all values since a new version started, against the version before it."""

from dataclasses import dataclass

from analyzer.domain.detection.change_point_scan import EXCESS, INFLATION, SQUARES, SUM, VARIANCE, ChangeCandidate, N
from analyzer.domain.detection.running_stats import RunningStats
from analyzer.domain.detection.thresholds import switch_height
from analyzer.domain.detection.types import JsonState
from analyzer.domain.detection.variance import BlockNoise, SideStats, standardise_drop

FIRST_LOOK = 4
"""Blocks before the first evaluation."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Statistics of `n` blocks that others are compared with.

    `raw` is the unclipped mean, `values` the variance of single values; the rest describes clipped block means.
    """

    n: int
    mean: float
    raw: float
    variance: float
    values: float
    inflation: float
    skew: float
    low: float
    high: float

    @classmethod
    def from_stats(cls, stats: RunningStats) -> "Reference | None":
        """Return the reference of all values in `stats`; None if there are too few."""
        if stats.variance <= 0.0:
            return None
        low, high = stats.clip_bounds_of_block_means
        mean = stats.origin + stats.sum / stats.n
        return cls(stats.n, mean, stats.level, stats.variance, stats.spread, stats.inflation, stats.skew, low, high)

    @classmethod
    def before_change(cls, point: ChangeCandidate, stats: RunningStats) -> "Reference":
        """Return the reference of the values before `point`; skewness and clipping are those of all values."""
        n, mean = int(point[N]), point[SUM] / point[N]
        raw = mean + point[EXCESS] / point[N]
        values = max(0.0, point[SQUARES] / n - raw * raw)
        moments = (point[VARIANCE], values, point[INFLATION], stats.skew)
        return cls(n, stats.origin + mean, stats.origin + raw, *moments, *stats.clip_bounds_of_block_means)

    def dump(self) -> JsonState:
        return [self.n, self.mean, self.raw, self.variance, self.values, self.inflation, self.skew, self.low, self.high]


class SwitchTest:
    """One comparison from a known start, evaluated after every block.

    `worse` is 1.0 to test for a mean below the reference (null hypothesis: not below it), -1.0 for one above it.
    """

    __slots__ = ("alpha", "bounded", "n", "raw", "reference", "squares", "sum", "worse")

    def __init__(self, reference: Reference, alpha: float, bounded: bool, worse: float = 1.0) -> None:
        self.reference, self.alpha, self.bounded, self.worse = reference, alpha, bounded, worse
        self.n = 0
        self.sum = self.squares = self.raw = 0.0

    def add(self, mean: float, square: float) -> bool:
        """Add a block by the mean of its values and of their squares; return whether the null hypothesis is refuted."""
        reference = self.reference
        self.n += 1
        self.raw += mean
        self.sum += min(max(mean, reference.low), reference.high)
        self.squares += square
        if self.n < FIRST_LOOK:
            return False
        drop = self.worse * (reference.mean - self.sum / self.n)
        return drop > 0.0 and not self._within_noise(drop) and self.significant

    def _within_noise(self, drop: float) -> bool:
        """Return whether a drop is less than its smallest possible standard error; no threshold is that low.

        This only saves work: the score of such a drop is at most 1.
        """
        reference = self.reference
        least = reference.inflation * reference.variance * (1.0 / self.n + 1.0 / reference.n)
        return drop * drop < 0.99 * least

    @property
    def blocks(self) -> float:
        """The harmonic count of both sides: the number of blocks against an exact reference."""
        return self.n * self.reference.n / (self.n + self.reference.n)

    @property
    def significant(self) -> bool:
        """Whether the null hypothesis is refuted."""
        return self.score > switch_height(self.blocks, self.alpha)

    @property
    def score(self) -> float:
        """The standardised difference; positive is evidence against the null hypothesis."""
        reference, n = self.reference, self.n
        if n < FIRST_LOOK:
            return 0.0
        drop = self.worse * (reference.mean - self.sum / n)
        noise = BlockNoise(reference.variance, reference.inflation, self.worse * reference.skew)
        return standardise_drop(drop, *self.sides, noise, self.bounded)

    @property
    def sides(self) -> tuple[SideStats, SideStats]:
        """Statistics of the reference and of the values since the switch."""
        reference, mean = self.reference, self.raw / self.n
        before = SideStats(reference.n, reference.raw, reference.values)
        return before, SideStats(self.n, mean, self.squares / self.n - mean * mean)

    def dump(self) -> JsonState:
        counts = [self.n, self.sum, self.squares, self.raw]
        return [self.reference.dump(), self.alpha, self.bounded, self.worse, counts]

    @classmethod
    def load(cls, state: JsonState) -> "SwitchTest":
        """Return the test that `dump` wrote."""
        reference, alpha, bounded, worse, counts = state
        switch = cls(Reference(*reference), alpha, bounded, worse)
        switch.n, switch.sum, switch.squares, switch.raw = counts
        return switch
