"""A declared switch: all values since a new version began, against the reference of the version before it."""

from dataclasses import dataclass

from analyzer.domain.detection.drift import EXCESS, INFLATION, SQUARES, SUM, VARIANCE, N, Point
from analyzer.domain.detection.running_stats import RunningStats
from analyzer.domain.detection.standard_error import Noise, Side, standardised
from analyzer.domain.detection.thresholds import switch_height
from analyzer.domain.detection.types import State

SOONEST = 4
"""Blocks before the first look."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What a stream sets as a standard: `n` blocks; `raw` is the plain mean, `values` the variance of
    single values; the rest is about clipped blocks."""

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
    def of(cls, past: RunningStats) -> "Reference | None":
        """The standard that `past` sets; None where it has too few values, or all alike."""
        if past.variance <= 0.0:
            return None
        low, high = past.clips
        mean = past.origin + past.sum / past.n
        return cls(past.n, mean, past.level, past.variance, past.spread, past.inflation, past.skew, low, high)

    @classmethod
    def until(cls, point: Point, past: RunningStats) -> "Reference":
        """What `past` had been up to `point`; skewness and clipping are today's."""
        n, mean = int(point[N]), point[SUM] / point[N]
        raw = mean + point[EXCESS] / point[N]
        values = max(0.0, point[SQUARES] / n - raw * raw)
        moments = (point[VARIANCE], values, point[INFLATION], past.skew)
        return cls(n, past.origin + mean, past.origin + raw, *moments, *past.clips)

    def dump(self) -> State:
        return [self.n, self.mean, self.raw, self.variance, self.values, self.inflation, self.skew, self.low, self.high]


class Switch:
    """One known start, so one comparison that is looked at after every block.

    `worse` is 1.0 to ask for a drop below the reference's mean; -1.0 asks the mirrored question. The null hypothesis
    for 1.0: the mean since the switch is not below it.
    """

    __slots__ = ("alpha", "bounded", "n", "raw", "reference", "squares", "sum", "worse")

    def __init__(self, reference: Reference, alpha: float, bounded: bool, worse: float = 1.0) -> None:
        self.reference, self.alpha, self.bounded, self.worse = reference, alpha, bounded, worse
        self.n = 0
        self.sum = self.squares = self.raw = 0.0

    def add(self, mean: float, square: float) -> bool:
        """Takes a block, by the means of its values and of their squares; whether the null hypothesis is refuted."""
        reference = self.reference
        self.n += 1
        self.raw += mean
        self.sum += min(max(mean, reference.low), reference.high)
        self.squares += square
        if self.n < SOONEST:
            return False
        drop = self.worse * (reference.mean - self.sum / self.n)
        return drop > 0.0 and self.significant

    @property
    def blocks(self) -> float:
        """The harmonic count: how many blocks a comparison with an exact reference would have."""
        return self.n * self.reference.n / (self.n + self.reference.n)

    @property
    def significant(self) -> bool:
        """Whether the null hypothesis is refuted by now."""
        return self.score > switch_height(self.blocks, self.alpha)

    @property
    def score(self) -> float:
        """The standardised difference; positive speaks against the null hypothesis."""
        reference, n = self.reference, self.n
        if n < SOONEST:
            return 0.0
        drop = self.worse * (reference.mean - self.sum / n)
        noise = Noise(reference.variance, reference.inflation, self.worse * reference.skew)
        return standardised(drop, *self.sides, noise, self.bounded)

    @property
    def sides(self) -> tuple[Side, Side]:
        """The reference, and what came since the switch."""
        reference, mean = self.reference, self.raw / self.n
        before = Side(reference.n, reference.raw, reference.values)
        return before, Side(self.n, mean, self.squares / self.n - mean * mean)

    def dump(self) -> State:
        counts = [self.n, self.sum, self.squares, self.raw]
        return [self.reference.dump(), self.alpha, self.bounded, self.worse, counts]

    @classmethod
    def load(cls, state: State) -> "Switch":
        """The comparison that `dump` wrote."""
        reference, alpha, bounded, worse, counts = state
        switch = cls(Reference(*reference), alpha, bounded, worse)
        switch.n, switch.sum, switch.squares, switch.raw = counts
        return switch
