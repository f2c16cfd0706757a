"""Responses about definitions of metrics."""

from datetime import datetime
from typing import Literal

from shared.metric_catalog import Direction
from shared.web.response_models import NEXT, DescribedResponse

Meaning = Literal["good", "bad", "neutral"]


class DeclaredView(DescribedResponse):
    """A declaration in the form of `PUT /v1/metrics/{name}`: only what was declared."""

    direction: Literal["higher_is_better", "lower_is_better"] | None = None
    unit: str | None = None
    scale: list[float] | None = None
    aggregation: Literal["mean", "geometric_mean"] | None = None
    floor_pp: float | None = None
    safety: bool | None = None
    labels: dict[str, Meaning] | None = None


class DefinitionView(DescribedResponse):
    """The definition of a metric in force, and the declaration that it rests on."""

    target: str | None
    metric: str
    kind: str
    implicit: bool
    weight: float
    confidence: float
    direction: Direction
    origin: Literal["kind", "name", "declared"]
    unit: str | None
    scale: list[float]
    aggregation: Literal["mean", "geometric_mean"]
    floor_pp: float
    safety: bool
    labels: dict[str, Meaning]
    declared: DeclaredView


class UncountedView(DescribedResponse):
    """Values that are not counted: why, with which word, how many, between which values."""

    reason: str
    word: str | None
    n: int
    low: float | None
    high: float | None
    latest: datetime


class TargetMetricView(DescribedResponse):
    """A metric of a target with the number of its values. Without a metric, values were refused before they had one."""

    target: str
    metric: str
    kind: str | None
    implicit: bool | None
    weight: float | None
    confidence: float | None
    direction: Direction | None
    origin: Literal["kind", "name", "declared"] | None
    unit: str | None
    scale: list[float] | None
    aggregation: Literal["mean", "geometric_mean"] | None
    floor_pp: float | None
    safety: bool | None
    labels: dict[str, Meaning] | None
    declared: DeclaredView
    declared_for: str | None
    n: int
    uncounted: list[UncountedView]


class MetricPage(DescribedResponse):
    """A page of metrics."""

    items: list[TargetMetricView]
    next: str | None = NEXT
