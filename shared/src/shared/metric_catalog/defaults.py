"""Default definitions of metrics, and their combination with declarations."""

from dataclasses import replace
from functools import lru_cache
from typing import Final

from shared.metric_catalog.built_in import COST, ERROR_RATE, LATENCY, MOST, built_in
from shared.metric_catalog.definition import (
    IMPLICIT,
    JUDGE,
    JUDGE_ANCHORS,
    Declaration,
    Direction,
    MetricDefinition,
    Origin,
    Scale,
    ValueKind,
    is_implicit,
)
from shared.metric_catalog.implicit_kinds import IMPLICIT_KINDS, ImplicitSignal
from shared.metric_catalog.metric_names import direction_of, tokens

_FIXED: Final[dict[ValueKind, MetricDefinition]] = {"error": ERROR_RATE, "latency": LATENCY, "cost": COST}
"""Kind of value → the metric of such values, which have no name of their own."""
_SCALES: Final[dict[str, Scale]] = {"nps": (-100.0, 100.0), "sentiment": (-1.0, 1.0), "csat": (1.0, 5.0)}
_AMOUNTS: Final = {
    **dict.fromkeys(("latency", "duration", "elapsed", "ttft", "delay"), ""),
    **dict.fromkeys(("cost", "price", "usd"), "USD"),
    **dict.fromkeys(("perplexity", "ppl"), ""),
}
"""Names of scores that are amounts above 0 without an upper end, and their unit."""
_NAMED: Final = ("thumb", "rating", "label", "score", "preference")
"""Kinds of feedback whose metrics are named after them."""
_FLOOR: Final = 0.05
_AMOUNT_FLOOR: Final = 0.1
_SECONDS: Final = {"ms": "ms", "milliseconds": "ms", "s": "s", "sec": "s", "seconds": "s"}


def metric_name(kind: ValueKind, name: str | None = None, implicit: bool = False) -> str:
    """Return the full name of a metric: `thumb`, `rating.speed`, `score.toxicity`, `implicit.thumb`, `latency_ms`.

    What a user did is always implicit: `implicit.copy`.
    """
    if kind in _FIXED:
        return _FIXED[kind].name
    base = "score" if kind in ("boolean", "percent") else kind
    implicit = implicit or kind in IMPLICIT_KINDS
    return f"{IMPLICIT if implicit else ''}{base}.{name}" if name else f"{IMPLICIT if implicit else ''}{base}"


def source_metric_name(kind: ValueKind, name: str | None, source: str) -> str:
    """Return the full name of the metric of a feedback from a source; that of a judge's score is `judge.<name>`."""
    return f"{JUDGE}{name or ''}" if source == "judge" else metric_name(kind, name, source == "implicit")


def anchors_of(metric: str) -> str | None:
    """Return the metric of the anchors of the judge whose scores `metric` has; None for any other metric."""
    return JUDGE_ANCHORS + metric.removeprefix(JUDGE) if metric.startswith(JUDGE) else None


def definition_for(
    name: str | None, kind: ValueKind, declared: Declaration | None = None, implicit: bool = False
) -> MetricDefinition:
    """Return the definition of the values of `kind` called `name` ("" for none): as declared, else the default."""
    return _with(declared, _default(name or "", kind, implicit))


def definition_of(metric: str, declared: Declaration | None = None) -> MetricDefinition:
    """Return the definition of a metric by its full name, such as `score.toxicity`."""
    if (default := built_in(metric)) is not None:
        return _with(declared, default)
    if metric.startswith((JUDGE, JUDGE_ANCHORS)):
        scale = (0.0, 1.0) if metric.startswith(JUDGE) else (-1.0, 1.0)
        return _with(declared, MetricDefinition(metric, "score", "higher_is_better", "score", scale))
    plain = metric.removeprefix(IMPLICIT)
    first, _, name = plain.partition(".")
    implicit = is_implicit(metric)
    known = first in _NAMED or (implicit and first in IMPLICIT_KINDS)
    kind: ValueKind = first if known else "score"  # type: ignore[assignment]
    found = definition_for(name, kind, declared, implicit)
    return found if found.name == metric else replace(found, name=metric)


def _with(declared: Declaration | None, default: MetricDefinition) -> MetricDefinition:
    return default if declared is None else _declared(default, declared)


@lru_cache(maxsize=4096)
def _default(name: str, kind: ValueKind, implicit: bool) -> MetricDefinition:
    if kind in _FIXED:
        return _FIXED[kind]
    if (signal := IMPLICIT_KINDS.get(kind)) is not None:
        return _implicit(metric_name(kind, name), kind, signal)
    direction, origin = _direction(name, kind)
    full = metric_name(kind, name, implicit)
    match kind:
        case "rating":
            return MetricDefinition(full, kind, direction, "stars", (1.0, 5.0), origin=origin)
        case "percent":
            return MetricDefinition(full, kind, direction, "%", (0.0, 100.0), origin=origin)
        case "score":
            return _score(full, name, direction, origin)
    return MetricDefinition(full, kind, direction, "share", origin=origin)


def _implicit(full: str, kind: ValueKind, signal: ImplicitSignal) -> MetricDefinition:
    """Return the definition of what a user did. Its floor is wider the less of a change comes from the answers."""
    known = MetricDefinition(
        full, kind, signal.direction, "share", weight=signal.weight, confidence=signal.confidence,
        floor=round(_FLOOR / signal.confidence, 4),
    )  # fmt: skip
    if kind != "dwell":
        return known
    floor = round(_AMOUNT_FLOOR / signal.confidence, 4)
    return replace(known, unit="ms", scale=(0.0, MOST), aggregation="geometric_mean", floor=floor)


def _direction(name: str, kind: ValueKind) -> tuple[Direction, Origin]:
    """Return a direction and its origin.

    For labels, more good words are always better, and so are more preferred answers. Thumbs and stars have a fixed
    direction, which a name may reverse (`thumbs_down`, a rating of `toxicity`); a thumb for a bad quality is ambiguous
    and has none.
    """
    if kind in ("label", "preference") or not name:
        return "higher_is_better", "kind"
    known = direction_of(name)
    if known == "undeclared":
        return ("higher_is_better", "kind") if kind in ("thumb", "rating") else (known, "kind")
    if kind == "thumb" and known == "lower_is_better" and not _REACTIONS & set(_stems(name)):
        return "undeclared", "name"
    return known, "name"


_REACTIONS: Final = frozenset(
    tokens("down thumbsdown dislike disliked downvote downvoted complaint complained negative bad unlike")
)


def _stems(name: str) -> list[str]:
    return [word.removesuffix("s") if word.removesuffix("s") in _REACTIONS else word for word in tokens(name)]


def _score(full: str, name: str, direction: Direction, origin: Origin) -> MetricDefinition:
    words = tokens(name)
    unit = next((_AMOUNTS[word] for word in words if word in _AMOUNTS), None)
    if unit is not None and "score" not in words:
        unit = unit or next((_SECONDS[word] for word in words if word in _SECONDS), "")
        return MetricDefinition(full, "score", direction, unit, (0.0, MOST), "geometric_mean", 0.1, origin=origin)
    scale = next((_SCALES[word] for word in words if word in _SCALES), (0.0, 1.0))
    return MetricDefinition(full, "score", direction, "score" if scale == (0.0, 1.0) else "", scale, origin=origin)


def _declared(default: MetricDefinition, said: Declaration) -> MetricDefinition:
    """Return `default` with the declared fields. A scale other than the default has no unit unless one is declared."""
    scale, aggregation = said.scale or default.scale, said.aggregation or default.aggregation
    if said.aggregation == "geometric_mean" and said.scale is None and not default.amount:
        scale = (0.0, MOST)
    if said.aggregation == "mean" and said.scale is None and default.amount:
        scale = (0.0, 1.0)
    amount = aggregation == "geometric_mean"
    unit = said.unit if said.unit is not None else default.unit if scale == default.scale else ""
    return replace(
        default,
        direction=said.direction or default.direction,
        unit=unit,
        scale=scale,
        aggregation=aggregation,
        floor=said.floor if said.floor is not None else _AMOUNT_FLOOR if amount > default.amount else default.floor,
        safety=default.safety if said.safety is None else said.safety,
        labels=dict(said.labels),
        origin="declared" if said.direction else default.origin,
    )
