"""Sums in whole millionths: independent of order, and exact after a value is removed."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, count
from operator import mul

from analyzer.domain.detection.intervals import LEVEL, widening
from analyzer.domain.model import Metric
from shared.events.quality import Measurement

MICROS = 1_000_000
"""Values are counted in whole millionths (micros), so that removing a value is exact."""
_TUNED_FOR = 100.0
"""Values at which the interval is narrowest."""


def to_micros(values: Iterable[float]) -> list[int]:
    """Return values in whole millionths."""
    return [round(value * MICROS) for value in values]


@dataclass(slots=True)
class Sums:
    """Count, sum and sum of squares of values, as integers in millionths."""

    n: int = 0
    total: int = 0
    squares: int = 0

    def add(self, value: float, sign: int = 1) -> None:
        """Add `value`; with `sign` -1, remove it."""
        micros = round(value * MICROS)
        self.n += sign
        self.total += sign * micros
        self.squares += sign * micros * micros

    def add_micros(self, micros: Sequence[int]) -> None:
        """Add values in whole millionths, see `to_micros`."""
        self.n += len(micros)
        self.total += sum(micros)
        self.squares += sum(map(mul, micros, micros))

    def means_before(self, micros: Sequence[int]) -> list[float]:
        """Return the mean before each of these values, as if they were added one by one."""
        totals = accumulate(micros, initial=self.total)
        return [total / (n * MICROS) if n > 0 else 0.0 for n, total in zip(count(self.n), totals, strict=False)]

    def replace(self, former: float | None, value: float | None) -> None:
        """Replace `former` by `value`; None stands for no value."""
        if former is not None:
            self.add(former, -1)
        if value is not None:
            self.add(value)

    def merge(self, other: "Sums") -> None:
        """Add all values of `other`."""
        self.n += other.n
        self.total += other.total
        self.squares += other.squares

    @property
    def mean(self) -> float:
        """The mean; 0 without values. It may be outside the scale while a correction precedes its original."""
        return self.total / (self.n * MICROS) if self.n > 0 else 0.0

    @property
    def variance(self) -> float:
        if self.n <= 0:
            return 0.0
        return max(0, self.squares * self.n - self.total * self.total) / (self.n * self.n * MICROS * MICROS)

    def dump(self) -> list[int]:
        return [self.n, self.total, self.squares]


def measurement(sums: Sums, metric: Metric) -> Measurement:
    """Return mean and 95 % interval in the metric's own unit, clipped to its scale.

    The interval is an asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, 2024): valid at
    all sample sizes at once, as far as means are normal. The variance of shares and scores includes one best and one
    worst value, so that "all good" is never shown as certain.
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
    return math.sqrt(variance / n) * widening(n, _TUNED_FOR)
