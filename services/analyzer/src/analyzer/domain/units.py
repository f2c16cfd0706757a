"""Conversion of changes from a metric's scale to the units in which they are reported."""

import math
from typing import Literal

from analyzer.domain.model import Metric
from shared.metric_format import format_signed

ChangeUnit = Literal["pp", "%"]
"""Percentage points of the scale; per cent of the baseline for amounts such as latency and cost."""


def change_unit(metric: Metric) -> ChangeUnit:
    """Return the unit of changes of `metric`."""
    return "%" if metric.kind == "real" else "pp"


def to_percentage_points(drop: float, metric: Metric) -> float:
    """Convert a drop on the metric's scale to percentage points; on a log scale, to per cent of the amount."""
    if metric.kind != "real":
        return 100.0 * drop
    return 100.0 * (-math.expm1(-drop) if metric.direction == "higher_is_better" else math.expm1(drop))


def format_points(points: float, metric: Metric) -> str:
    """Return a change as the metric moved, without its unit; negative `points` are worse."""
    return format_signed(points, metric.direction == "lower_is_better")
