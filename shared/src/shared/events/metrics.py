"""Events about declared metrics."""

from typing import ClassVar, Literal

from shared.events.base import Fact, ProjectEvent
from shared.metric_catalog import Aggregation, Declaration, Meaning


class DeclaredMetric(Fact):
    """A declaration in the form of `PUT /v1/metrics/{name}`; None means the default. `labels` has normalised words."""

    direction: Literal["higher_is_better", "lower_is_better"] | None = None
    unit: str | None = None
    scale: tuple[float, float] | None = None
    aggregation: Aggregation | None = None
    floor_pp: float | None = None
    safety: bool | None = None
    labels: dict[str, Meaning] | None = None

    def declaration(self) -> Declaration:
        """Return the declaration for the metric catalogue."""
        return Declaration(
            self.direction,
            self.unit,
            self.scale,
            self.aggregation,
            None if self.floor_pp is None else self.floor_pp / 100.0,
            self.safety,
            self.labels or {},
        )


class MetricDeclared(ProjectEvent):
    """A metric of one target, or of all (`target` None), was declared; an empty `declared` restores the default.

    `revision` counts the declarations of this metric and target. `digest` is the SHA-256 of the canonical
    JSON (RFC 8785) of what `GET /v1/metrics/{name}` then shows as `declared`.
    """

    topic: ClassVar[str] = "metric.declared"

    target: str | None = None
    metric: str
    revision: int
    declared: DeclaredMetric
    digest: str
    by: str
    key_id: str
