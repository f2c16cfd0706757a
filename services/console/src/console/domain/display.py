"""Formatting of numbers and names. An unknown value is shown as "unknown"."""

import json
from typing import TypeGuard

from console.domain.json_object import JsonObject
from ratchet.sanitize import visible, visible_lines
from shared import metric_format

UNKNOWN = "unknown"


def amount(value: object, metric: JsonObject) -> str:
    """Return a value of an object with a `metric` and perhaps its `unit`."""
    unit = metric.get("unit")
    return (
        metric_format.format_value(value, metric_format.unit_of(metric["metric"]) if unit is None else unit)
        if _is_number(value)
        else UNKNOWN
    )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float)


def measured(measurement: JsonObject | None, metric: JsonObject) -> tuple[str, ...]:
    """Return `85.0 %`, `[81.2 %, 88.1 %]`, `n=385`; or `unknown`."""
    if not measurement or not measurement.get("n"):
        return (UNKNOWN,)
    mean, low, high = (amount(measurement[part], metric) for part in ("mean", "low", "high"))
    return mean, f"[{low}, {high}]", f"n={measurement['n']:,}"


def change(points: object, regression: JsonObject) -> str:
    """Return the change of a regression's metric, such as `−25.8 pp`."""
    if not _is_number(points):
        return UNKNOWN
    return metric_format.format_change(
        points, regression["metric"], regression.get("direction"), regression.get("change_unit")
    )


def interval(effect: JsonObject, regression: JsonObject) -> tuple[str, str]:
    """Return the ends of an effect's interval, such as `−31.0`, `−20.1`."""
    return metric_format.format_interval_ends(
        effect["low_pp"], effect["high_pp"], regression["metric"], regression.get("direction")
    )


def rate(value: object) -> str:
    """Return a rate in events per second."""
    if not isinstance(value, int | float):
        return UNKNOWN
    if 0 < value < 0.05:
        return "< 0.1/s"
    return f"{value:,.0f}/s" if value >= 10 else f"{value:.1f}/s"


def span(seconds: float) -> str:
    """Return a duration in its two largest units."""
    whole = max(0, round(seconds))
    for size, unit, smaller, below in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {below}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def words(code: object) -> str:
    """Return an identifier, such as `prompt_version`, as words."""
    return visible(str(code)).replace("_", " ")


def payload(text: str) -> str:
    """Return received text for display: JSON is indented if that loses nothing, other text is unchanged."""
    try:
        read = json.loads(text)
        whole = json.dumps(read, separators=(",", ":"), ensure_ascii=False) == text
    except (ValueError, RecursionError):
        whole = False
    return visible_lines(json.dumps(read, indent=2, ensure_ascii=False) if whole else text)
