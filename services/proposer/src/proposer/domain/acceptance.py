"""What a fix must reach, as thresholds that can be measured."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.events.proposals import Criterion
from shared.events.quality import Direction, Measurement, RegressionDetected
from shared.units import change_unit, unit_of

MIN_VALUES = 100
"""A conclusion counts at least this many measured values."""

_SHARE = 0.05
_STARS = 4.0
_PART = 0.10


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
    """No metric that is measured well may get worse than it is, by more than the analyzer's floor for it.

    That is 5 % of the scale (a rating's is four stars wide), and 10 % of a latency or a cost.
    """
    return tuple(
        _criterion(m.metric, m.direction, m.measurement.mean, _slack(m))
        for m in sorted(measured, key=lambda m: m.metric)
        if m.measurement.n >= MIN_VALUES
    )


def _criterion(metric: str, direction: Direction, baseline: float, slack: float) -> Criterion:
    if direction == "higher_is_better":
        return Criterion(metric=metric, comparison=">=", threshold=baseline - slack, n=MIN_VALUES)
    return Criterion(metric=metric, comparison="<=", threshold=baseline + slack, n=MIN_VALUES)


def _slack(measured: Measured) -> float:
    if change_unit(measured.metric) == "%":
        return _PART * measured.measurement.mean
    return _SHARE * (_STARS if unit_of(measured.metric) == "stars" else 1.0)


def _floor(regression: RegressionDetected) -> float:
    """The floor in the metric's own unit, read off the regression itself (a rating's unit is not a share's)."""
    fall = abs(regression.current.mean - regression.baseline.mean)
    return regression.floor_pp * fall / abs(regression.delta_pp) if regression.delta_pp else 0.0
