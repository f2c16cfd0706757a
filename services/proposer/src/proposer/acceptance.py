"""What a fix must reach, as thresholds that can be measured."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.events.proposals import Criterion
from shared.events.quality import Direction, Measurement, RegressionDetected

FLOOR_PP = 5.0
"""A change of less than this many percentage points is no regression; so it is the slack of a fix, too."""

MIN_VALUES = 100
"""A conclusion counts at least this many measured values."""


_STARS = 4.0
_RATINGS = frozenset({"rating", "implicit.rating"})
_UNTESTED = frozenset({"latency_ms", "cost_usd"})


@dataclass(frozen=True, slots=True)
class Measured:
    """How one metric of one prompt version stood in its last window."""

    metric: str
    direction: Direction
    measurement: Measurement


def criteria(regression: RegressionDetected) -> tuple[Criterion, ...]:
    """The metric that fell must come back to its baseline, but for the floor."""
    return (_criterion(regression.metric, regression.direction, regression.baseline.mean, _floor(regression)),)


def criteria_to_keep(measured: Iterable[Measured]) -> tuple[Criterion, ...]:
    """No metric that is measured well may get worse than it is, by more than the floor.

    Latency and cost are left out, as the analyzer does not test them; a rating's scale is four stars wide.
    """
    return tuple(
        _criterion(m.metric, m.direction, m.measurement.mean, FLOOR_PP / 100 * (_STARS if m.metric in _RATINGS else 1))
        for m in sorted(measured, key=lambda m: m.metric)
        if m.measurement.n >= MIN_VALUES and m.metric not in _UNTESTED
    )


def _criterion(metric: str, direction: Direction, baseline: float, slack: float) -> Criterion:
    if direction == "higher_is_better":
        return Criterion(metric=metric, comparison=">=", threshold=baseline - slack, n=MIN_VALUES)
    return Criterion(metric=metric, comparison="<=", threshold=baseline + slack, n=MIN_VALUES)


def _floor(regression: RegressionDetected) -> float:
    """The floor in the metric's own unit, read off the regression itself (a rating's unit is not a share's)."""
    fall = abs(regression.current.mean - regression.baseline.mean)
    return FLOOR_PP * fall / abs(regression.delta_pp) if regression.delta_pp else 0.0
