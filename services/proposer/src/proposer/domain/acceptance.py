"""Acceptance criteria of a proposal, as measurable thresholds."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.events.proposals import Criterion
from shared.events.quality import Direction, Measurement, RegressionDetected
from shared.metric_format import change_unit, unit_of

MIN_VALUES = 100
"""Number of measured values that a criterion requires."""

_SHARE_SLACK = 0.05
_STARS_SCALE = 4.0
_RELATIVE_SLACK = 0.10


@dataclass(frozen=True, slots=True)
class VersionMeasurement:
    """The latest measurement of one metric of one prompt version."""

    metric: str
    direction: Direction
    measurement: Measurement


def recovery_criteria(regression: RegressionDetected) -> tuple[Criterion, ...]:
    """Return the criterion of a fix: the metric is back at its baseline, within the floor."""
    return (_criterion(regression.metric, regression.direction, regression.baseline.mean, _floor(regression)),)


def non_regression_criteria(measured: Iterable[VersionMeasurement]) -> tuple[Criterion, ...]:
    """Return one criterion for each metric with enough values: it must not get worse by more than the floor.

    The floor is 5 % of the scale (a rating's is four stars wide), and 10 % of the value for latency and cost.
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


def _slack(measured: VersionMeasurement) -> float:
    if change_unit(measured.metric) == "%":
        return _RELATIVE_SLACK * measured.measurement.mean
    return _SHARE_SLACK * (_STARS_SCALE if unit_of(measured.metric) == "stars" else 1.0)


def _floor(regression: RegressionDetected) -> float:
    """Return the floor in the metric's own unit, by the ratio of its change to `delta_pp`."""
    change = abs(regression.current.mean - regression.baseline.mean)
    return regression.floor_pp * change / abs(regression.delta_pp) if regression.delta_pp else 0.0
