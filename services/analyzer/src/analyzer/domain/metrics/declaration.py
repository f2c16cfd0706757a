"""The body of `PUT /v1/metrics/{name}`, and its validation for a metric."""

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.metric_catalog import (
    IMPLICIT,
    IMPLICIT_KINDS,
    Aggregation,
    Declaration,
    Meaning,
    MetricDefinition,
    built_in,
    definition_of,
    is_implicit,
    normalized_label,
)

LabelWord = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00-\x1f]+$")]
_KINDS = ("thumb", "rating", "label", "score", "preference")


class DeclarationBody(BaseModel):
    """A complete declaration: missing fields have their default."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"direction": "higher_is_better", "unit": "points", "scale": [0.0, 1.0]}]},
    )

    direction: Literal["higher_is_better", "lower_is_better"] | None = None
    unit: Annotated[str, Field(max_length=20, pattern=r"^[^\x00-\x1f]*$")] | None = None
    scale: tuple[float, float] | None = Field(None, description="smallest and largest value")
    aggregation: Aggregation | None = None
    floor_pp: Annotated[float, Field(gt=0, lt=100)] | None = Field(
        None, description="smallest change that is reported: points of the scale, or per cent under a geometric mean"
    )
    safety: bool | None = None
    labels: Annotated[dict[LabelWord, Meaning], Field(max_length=200)] | None = None

    def declaration(self) -> Declaration:
        """Return the declaration for the catalogue."""
        return Declaration(
            self.direction,
            self.unit,
            self.scale,
            self.aggregation,
            None if self.floor_pp is None else self.floor_pp / 100.0,
            self.safety,
            {normalized_label(word): meaning for word, meaning in (self.labels or {}).items()},
        )


def is_metric(name: str) -> bool:
    """Return whether values may have this metric: `score.toxicity`, `thumb`, `implicit.copy`, `latency_ms`."""
    plain, dot, rest = name.removeprefix(IMPLICIT).partition(".")
    if built_in(name) is not None:
        return True
    known = plain in _KINDS or (is_implicit(name) and plain in IMPLICIT_KINDS)
    return known and (bool(rest) or not dot) and "\x00" not in name and len(name) <= 300


def find_misfit(name: str, body: DeclarationBody) -> tuple[str, str] | None:
    """Return the first field that does not fit the metric, with the reason; None if all do."""
    default = definition_of(name)
    if default.kind == "label" and body.direction is not None:
        return "direction", "not allowed for labels, which are counted by their meanings: declare `labels`"
    if default.kind != "label" and body.labels is not None:
        return "labels", "allowed for metrics of labels only"
    fixed = built_in(name)
    if fixed is not None and (body.unit is not None or (fixed.declared and body.direction is not None)):
        return ("unit" if body.unit is not None else "direction"), f"{name} is built in; its meaning is fixed"
    if default.kind != "score" and (body.scale is not None or body.aggregation is not None):
        return ("scale" if body.scale is not None else "aggregation"), f"the scale of a {default.kind} is fixed"
    if body.scale is not None and not (all(map(math.isfinite, body.scale)) and body.scale[0] < body.scale[1]):
        return "scale", "must be two numbers, the smaller one first, such as [0, 10]"
    return _amount_misfit(definition_of(name, body.declaration()), body)


def _amount_misfit(declared: MetricDefinition, body: DeclarationBody) -> tuple[str, str] | None:
    if declared.amount and declared.scale[0] < 0.0:
        return "scale", "must start at 0 or above under a geometric mean"
    if declared.amount and body.safety:
        return "safety", "not allowed for amounts, whose single values are not bad: use `floor_pp`"
    return None
