"""Sums that don't depend on order: counted in whole millionths, so that a value taken back leaves no trace."""

import math
from dataclasses import dataclass

from analyzer.domain.model import Metric
from shared.events.quality import Measurement

UNIT = 1_000_000
LEVEL = 0.95
# The interval is narrowest, for its level, at about this many values (Waudby-Smith et al., 2024, section 2.3).
_TUNED_FOR = 100.0
_RHO2 = (-2.0 * math.log(1.0 - LEVEL) + math.log(-2.0 * math.log(1.0 - LEVEL)) + 1.0) / _TUNED_FOR


@dataclass(slots=True)
class Sums:
    """Count, sum and sum of squares of values, in millionths: integers, so that adding is exact in any order."""

    n: int = 0
    total: int = 0
    squares: int = 0

    def add(self, value: float, sign: int = 1) -> None:
        """Counts `value`; with `sign` -1, takes it back."""
        units = round(value * UNIT)
        self.n += sign
        self.total += sign * units
        self.squares += sign * units * units

    def replace(self, former: float | None, value: float | None) -> None:
        """Counts `value` in the place of `former`; None stands for no value."""
        if former is not None:
            self.add(former, -1)
        if value is not None:
            self.add(value)

    def merge(self, other: "Sums") -> None:
        """Counts all that `other` counted."""
        self.n += other.n
        self.total += other.total
        self.squares += other.squares

    @property
    def mean(self) -> float:
        """0 where nothing was counted. Between a correction and a late original it may lie outside the scale."""
        return self.total / (self.n * UNIT) if self.n > 0 else 0.0

    @property
    def variance(self) -> float:
        if self.n <= 0:
            return 0.0
        return max(0, self.squares * self.n - self.total * self.total) / (self.n * self.n * UNIT * UNIT)

    def dump(self) -> list[int]:
        return [self.n, self.total, self.squares]


def measurement(sums: Sums, metric: Metric) -> Measurement:
    """Mean and 95 % interval in the metric's own unit.

    The interval is an asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, 2024):
    it holds at all sample sizes at once, as far as a mean of so many values is normal. For shares and
    scores the variance is taken as if one best and one worst value had been seen besides, so that "all good"
    is never shown as certain. Nothing is shown outside the scale.
    """
    mean, half = sums.mean, _half_width(sums, metric.kind != "real")
    low, high = mean - half, mean + half
    if metric.kind != "real":
        mean, low, high = (min(max(value, 0.0), 1.0) for value in (mean, low, high))
    ends = sorted((metric.from_scale(low), metric.from_scale(high)))
    return Measurement(n=max(sums.n, 0), mean=metric.from_scale(mean), low=ends[0], high=ends[1], level=LEVEL)


def _half_width(sums: Sums, bounded: bool) -> float:
    n = sums.n
    if n <= 0:
        return 1.0 if bounded else 0.0
    variance = (sums.variance * n + 0.5) / (n + 2) if bounded else sums.variance
    grown = n * _RHO2 + 1.0
    return math.sqrt(variance * 2.0 * grown / (n * n * _RHO2) * math.log(math.sqrt(grown) / (1.0 - LEVEL)))
