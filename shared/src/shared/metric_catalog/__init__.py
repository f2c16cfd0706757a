"""Definitions of metrics: direction, scale, unit, floor and labels, from name, kind and declaration.

Pure, and without dependencies: services, console and `ratchet backtest` read the same definitions.
"""

from shared.metric_catalog.built_in import BUILT_IN, TOKENS, built_in, cost_currency, cost_metric
from shared.metric_catalog.defaults import anchors_of, definition_for, definition_of, metric_name, source_metric_name
from shared.metric_catalog.definition import (
    IMPLICIT,
    JUDGE,
    JUDGE_ANCHORS,
    Aggregation,
    Declaration,
    Direction,
    Meaning,
    MetricDefinition,
    Origin,
    Scale,
    ValueKind,
    is_implicit,
)
from shared.metric_catalog.implicit_kinds import IMPLICIT_KINDS, NEXT_STEPS, ImplicitKind, NextStep
from shared.metric_catalog.labels import meaning_of, normalized_label
from shared.metric_catalog.metric_names import direction_of, is_overall, tokens

__all__ = [
    "BUILT_IN",
    "IMPLICIT",
    "IMPLICIT_KINDS",
    "JUDGE",
    "JUDGE_ANCHORS",
    "NEXT_STEPS",
    "TOKENS",
    "Aggregation",
    "Declaration",
    "Direction",
    "ImplicitKind",
    "Meaning",
    "MetricDefinition",
    "NextStep",
    "Origin",
    "Scale",
    "ValueKind",
    "anchors_of",
    "built_in",
    "cost_currency",
    "cost_metric",
    "definition_for",
    "definition_of",
    "direction_of",
    "is_implicit",
    "is_overall",
    "meaning_of",
    "metric_name",
    "normalized_label",
    "source_metric_name",
    "tokens",
]
