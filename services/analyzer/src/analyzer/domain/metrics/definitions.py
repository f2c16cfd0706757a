"""Definitions in force, and the metrics derived from them."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

from analyzer.domain.model import Dimension, Metric, ScaleKind
from shared.metric_catalog import Declaration, Direction, MetricDefinition, definition_of

_LEAST = 1e-6
"""Amounts are clamped to this minimum before the logarithm, zero has none; numbers of tokens to 1."""
_BOTH: tuple[Direction, Direction] = ("higher_is_better", "lower_is_better")


class TargetScope(NamedTuple):
    """The scope of a declaration: a metric of one target, or of all (`target` None)."""

    project: str
    environment: str
    target: str | None
    metric: str


@dataclass(frozen=True, slots=True)
class Declared:
    """A declaration. `generation` counts changes of the scale or of label meanings."""

    declaration: Declaration = field(default_factory=Declaration)
    generation: int = 0


@dataclass(frozen=True, slots=True)
class TargetMetrics:
    """The definition in force, and one metric for each direction that values are summed in."""

    definition: MetricDefinition
    metrics: tuple[Metric, ...]
    declared: Declaration

    @property
    def metric(self) -> Metric:
        """The metric for display."""
        return self.metrics[0]

    @property
    def usual(self) -> Metric:
        """The metric in the usual direction of its kind, on whose scale time windows are summed."""
        return self.by("lower_is_better" if usually_lower(self.definition) else "higher_is_better")

    def by(self, direction: Direction) -> Metric:
        """Return the metric as if `direction` were declared."""
        return to_metric(replace(self.definition, direction=direction), self.metric.generation)


class Measures(NamedTuple):
    """What the values of one metric of one target are summed in: a dimension for each direction."""

    found: TargetMetrics
    dimensions: tuple[tuple[Dimension, Metric], ...]


@dataclass(slots=True)
class Definitions:
    """Definitions by metric and target, cached."""

    declared: Mapping[TargetScope, Declared] = field(default_factory=dict)
    _found: dict[TargetScope, TargetMetrics] = field(default_factory=dict)
    _measures: dict[tuple[str, str, str, str], Measures] = field(default_factory=dict)

    def find(self, project: str, environment: str, target: str | None, metric: str) -> TargetMetrics:
        """Return the definition in force for `metric` of `target`; without one, of targets without a declaration."""
        scope = (
            TargetScope(project, environment, target, metric) if self.declared else TargetScope("", "", None, metric)
        )
        found = self._found.get(scope)
        if found is None:
            if len(self._found) > _MAX_CACHED:
                self._found.clear()
            found = self._found[scope] = self._decide(scope)
        return found

    def find_measures(self, project: str, environment: str, target: str, metric: str) -> Measures:
        """Return the definition in force, and the dimensions that values of `metric` are summed in."""
        key = project, environment, target, metric
        found = self._measures.get(key)
        if found is None:
            if len(self._measures) > _MAX_CACHED:
                self._measures.clear()
            known = self.find(*key)
            summed = tuple(
                (Dimension(project, environment, target, each.name, each.generation, each.mirrored), each)
                for each in known.metrics
            )
            found = self._measures[key] = Measures(known, summed)
        return found

    def _decide(self, scope: TargetScope) -> TargetMetrics:
        """Merge declarations: the target's fields override the project's. Generations add up, so each is unique."""
        nothing = Declared()
        general = self.declared.get(scope._replace(target=None), nothing)
        special = self.declared.get(scope, nothing) if scope.target is not None else nothing
        declaration = special.declaration.completed_by(general.declaration)
        definition = definition_of(scope.metric, declaration)
        generation = general.generation + special.generation
        return TargetMetrics(definition, to_metrics(definition, generation), declaration)


BY_DEFAULT = Definitions()
"""The definitions of a project without declarations."""


_MAX_CACHED = 4096


def to_metrics(definition: MetricDefinition, generation: int = 0) -> tuple[Metric, ...]:
    """Return the metrics that values are summed by: two while the direction is undeclared, one for each."""
    if definition.declared:
        return (to_metric(definition, generation),)
    ways = (to_metric(replace(definition, direction=direction), generation) for direction in _BOTH)
    return tuple(sorted((replace(way, direction="undeclared") for way in ways), key=lambda way: way.mirrored))


def to_metric(definition: MetricDefinition, generation: int = 0) -> Metric:
    """Return the metric of a definition; an undeclared direction counts as higher_is_better."""
    lower = definition.direction == "lower_is_better"
    kind, to_scale, from_scale = _scale(definition, lower)
    return Metric(
        definition.name,
        definition.direction,
        definition.unit,
        kind,
        to_scale,
        from_scale,
        math.log1p(definition.floor) if definition.amount else definition.floor,
        definition.safety,
        lower is not usually_lower(definition),
        generation,
    )


def usually_lower(definition: MetricDefinition) -> bool:
    """Return whether less is better by default for such values."""
    return definition.amount or definition.kind == "error"


def _scale(
    definition: MetricDefinition, lower: bool
) -> tuple[ScaleKind, Callable[[float], float], Callable[[float], float]]:
    if definition.amount:
        log, rarity = (_log_count, _rarity_of_count) if definition.kind == "tokens" else (_log, _rarity)
        return ("real", rarity, _amount_from_rarity) if lower else ("real", log, math.exp)
    kind: ScaleKind = "binary" if definition.binary else "bounded"
    if definition.scale == (0.0, 1.0):
        return (kind, _complement, _complement) if lower else (kind, _same, _same)
    low, high = definition.scale
    ends = (high, low) if lower else (low, high)
    return kind, partial(_to_unit, *ends), partial(_from_unit, *ends)


def _same(value: float) -> float:
    return value


def _complement(value: float) -> float:
    return 1.0 - value


def _log(value: float) -> float:
    return math.log(value if value > _LEAST else _LEAST)


def _log_count(value: float) -> float:
    return math.log(value) if value > 1.0 else 0.0


def _rarity(value: float) -> float:
    return -_log(value)


def _rarity_of_count(value: float) -> float:
    return -_log_count(value)


def _amount_from_rarity(scaled: float) -> float:
    return math.exp(-scaled)


def _to_unit(worst: float, best: float, value: float) -> float:
    return (value - worst) / (best - worst)


def _from_unit(worst: float, best: float, scaled: float) -> float:
    return worst + scaled * (best - worst)
