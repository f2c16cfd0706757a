"""Numbers and names as people read them (pure). Unknown is said to be unknown, never shown as nothing."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeGuard

from ratchet.sanitize import visible, visible_lines
from shared import units

UNKNOWN = "unknown"


def amount(value: object, of: Mapping[str, Any]) -> str:
    """A value of what is `of` a metric, in its `unit` if that is told."""
    unit = of.get("unit")
    return (
        units.format_value(value, units.unit_of(of["metric"]) if unit is None else unit) if _number(value) else UNKNOWN
    )


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float)


def measured(measurement: Mapping[str, Any] | None, of: Mapping[str, Any]) -> tuple[str, ...]:
    """`85.0 %`, `[81.2 %, 88.1 %]`, `n=385`; or that it is unknown."""
    if not measurement or not measurement.get("n"):
        return (UNKNOWN,)
    mean, low, high = (amount(measurement[part], of) for part in ("mean", "low", "high"))
    return mean, f"[{low}, {high}]", f"n={measurement['n']:,}"


def change(points: object, of: Mapping[str, Any]) -> str:
    """`−25.8 pp`, as the metric of a regression moved."""
    if not _number(points):
        return UNKNOWN
    return units.format_change(points, of["metric"], of.get("direction"), of.get("change_unit"))


def interval(moved: Mapping[str, Any], of: Mapping[str, Any]) -> tuple[str, str]:
    """`−31.0`, `−20.1`: the ends of a change's interval, as the metric of a regression moved."""
    return units.interval(moved["low_pp"], moved["high_pp"], of["metric"], of.get("direction"))


def rate(value: object) -> str:
    """Events a second."""
    if not isinstance(value, int | float):
        return UNKNOWN
    if 0 < value < 0.05:
        return "< 0.1/s"
    return f"{value:,.0f}/s" if value >= 10 else f"{value:.1f}/s"


def span(seconds: float) -> str:
    """A duration in its two largest units."""
    whole = max(0, round(seconds))
    for size, unit, smaller, below in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {below}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def age(moment: object, now: datetime) -> str:
    """How long ago an RFC 3339 moment was."""
    return UNKNOWN if not isinstance(moment, str) else span((now - datetime.fromisoformat(moment)).total_seconds())


def words(code: object) -> str:
    """A code of ours, such as `prompt_version` or `regression.detected`, as words."""
    return visible(str(code)).replace("_", " ")


def payload(text: str) -> str:
    """What a stranger sent, for looking at: JSON in lines where nothing of it is lost by that, else as it came."""
    try:
        read = json.loads(text)
        whole = json.dumps(read, separators=(",", ":"), ensure_ascii=False) == text
    except (ValueError, RecursionError):
        whole = False
    return visible_lines(json.dumps(read, indent=2, ensure_ascii=False) if whole else text)
