"""Metrics of each target with their definition and the values that are not counted."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import quote

from console.domain.json_object import JsonObject
from shared import metric_format

_REASONS = {
    "unjoined": "without their execution",
    "no_consent": "without consent to quality",
    "mixed_versions": "about a trace or session that several versions answered",
    "unknown_label": "of a label without a meaning",
    "neutral_label": "of a neutral label",
    "out_of_range": "outside the scale",
}
_DIRECTIONS = {"higher_is_better": "more is better", "lower_is_better": "less is better"}
_ORIGINS = {"declared": "declared", "name": "known by its name", "kind": "usual for its kind"}


@dataclass(frozen=True, slots=True)
class MetricDefinitionRow:
    """One metric of a target. `api` is the path of its declaration; `kept` are the declared fields except direction."""

    name: str
    direction: str
    origin: str
    scale: str
    floor: str
    n: int
    uncounted: tuple[str, ...]
    advice: str
    api: str
    kept: Mapping[str, Any]
    direction_text: str
    implicit_text: str

    @property
    def declarable(self) -> bool:
        """Whether its direction is not known and must be declared."""
        return self.direction == "undeclared"


@dataclass(frozen=True, slots=True)
class MetricTarget:
    """A target with its metrics."""

    name: str
    rows: tuple[MetricDefinitionRow, ...]


def metric_targets(items: Iterable[JsonObject]) -> list[MetricTarget]:
    """Return the metrics of each target; undeclared ones first, then those with most that is not counted."""
    grouped = groupby(sorted(items, key=lambda item: item["target"]), key=lambda item: item["target"])
    return [MetricTarget(name, tuple(map(_row, sorted(found, key=_rank)))) for name, found in grouped]


def _rank(item: JsonObject) -> tuple[bool, bool, str]:
    return item["direction"] != "undeclared", not item["uncounted"], item["metric"]


def _row(item: JsonObject) -> MetricDefinitionRow:
    metric, target = item["metric"], item["declared_for"]
    query = f"?target={quote(target, safe='')}" if target is not None else ""
    return MetricDefinitionRow(
        metric,
        item["direction"] or "",
        _ORIGINS.get(item["origin"] or "", ""),
        _scale(item),
        f"{item['floor_pp']:g} {'%' if item['aggregation'] == 'geometric_mean' else 'pp'}" if item["floor_pp"] else "",
        item["n"],
        tuple(map(_reason, item["uncounted"])),
        _advice(metric, item["uncounted"]),
        f"/v1/metrics/{quote(metric, safe='')}{query}",
        {name: value for name, value in item["declared"].items() if name != "direction"},
        "more good words are better" if item["kind"] == "label" else _DIRECTIONS.get(item["direction"] or "", ""),
        _implicit(item),
    )


def _implicit(item: JsonObject) -> str:
    """Return how much a metric of what users did says, compared with a thumb; empty for what people said."""
    if item["weight"] is None or not item["implicit"] or item["weight"] == 1:
        return ""
    return f"weight {item['weight']:g}, confidence {item['confidence']:g}"


def _scale(item: JsonObject) -> str:
    if not item["scale"]:
        return ""
    low, high = item["scale"]
    if item["kind"] == "label":
        return "good and bad words"
    if item["aggregation"] == "geometric_mean":
        return f"amounts in {item['unit']}" if item["unit"] else "amounts"
    if item["unit"] == "share":
        return "0 or 1"
    return f"{low:g} to {high:g}{' stars' if item['unit'] == 'stars' else ''}"


def _reason(found: JsonObject) -> str:
    """Return `3 of a label without a meaning: “a”`, `2 outside the scale: −1 to 8`."""
    text = f"{found['n']:,} {_REASONS.get(found['reason'], found['reason'])}"
    if found["word"]:
        return f"{text}: “{found['word']}”"
    if found["low"] is None:
        return text
    low, high = metric_format.plain(found["low"]), metric_format.plain(found["high"])
    return f"{text}: {low}" if low == high else f"{text}: {low} to {high}"


def _advice(metric: str, found: Sequence[JsonObject]) -> str:
    """Return the command that makes later values count, or nothing."""
    reasons = {each["reason"] for each in found}
    if metric.partition(".")[0] == "score" and "out_of_range" in reasons:
        return f"ratchet metrics set {_shell(metric)} --scale LOW:HIGH"
    if "unknown_label" in reasons:
        return f"ratchet metrics set {_shell(metric)} --good WORD --bad WORD"
    return ""


def _shell(metric: str) -> str:
    plain = all(char.isalnum() or char in "._-" for char in metric)
    return metric if plain else "'" + metric.replace("'", "'\\''") + "'"
