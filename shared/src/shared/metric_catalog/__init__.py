"""Definitions of metrics: direction, scale, unit, floor and labels, from name, kind and declaration.

Pure, and without dependencies: services, console and `ratchet backtest` read the same definitions.
"""

from shared.metric_catalog.defaults import definition_for, definition_of, metric_name
from shared.metric_catalog.definition import (
    Aggregation,
    Declaration,
    Direction,
    Meaning,
    MetricDefinition,
    Origin,
    Scale,
    ValueKind,
)
from shared.metric_catalog.labels import meaning_of, normalized_label
from shared.metric_catalog.metric_names import direction_of, is_overall, tokens

__all__ = [
    "Aggregation",
    "Declaration",
    "Direction",
    "Meaning",
    "MetricDefinition",
    "Origin",
    "Scale",
    "ValueKind",
    "definition_for",
    "definition_of",
    "direction_of",
    "is_overall",
    "meaning_of",
    "metric_name",
    "normalized_label",
    "tokens",
]
