"""Numbers and names as people read them (pure). Unknown is said to be unknown, never shown as nothing."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ratchet.visible import visible, visible_lines

UNKNOWN = "unknown"
_SHARES = frozenset({"share", "score", "unit"})


def short(digest: object) -> str:
    """A digest as its first digits, what is no digest as it is."""
    text = visible(str(digest)) if digest else "nothing"
    return text[7:19] if text.startswith("sha256:") else text


def amount(value: object, unit: str = "") -> str:
    """A number of a metric: shares in per cent, money and milliseconds with their unit."""
    if not isinstance(value, int | float):
        return UNKNOWN
    if unit in ("", *_SHARES):
        return f"{100 * value:.1f} %" if -1 <= value <= 1 else f"{value:.3g}"
    if unit == "USD":
        return f"${value:.6f}".rstrip("0").rstrip(".") if value < 0.01 else f"${value:.4f}"
    return f"{value:,.0f} {unit}" if abs(value) >= 10 else f"{value:.2f} {unit}"


def measured(measurement: Mapping[str, Any] | None, unit: str = "") -> tuple[str, ...]:
    """`85.0 %`, `[81.2 %, 88.1 %]`, `n=385`; or that it is unknown."""
    if not measurement or not measurement.get("n"):
        return (UNKNOWN,)
    mean, low, high = (amount(measurement[part], unit) for part in ("mean", "low", "high"))
    return mean, f"[{low}, {high}]", f"n={measurement['n']:,}"


def change(delta: object, unit: str = "pp") -> str:
    """`−25.8 pp`, with a real minus."""
    return f"{delta:+.1f} {unit}".replace("-", "−") if isinstance(delta, int | float) else UNKNOWN


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


def unit_of(metric: str) -> str:
    """The unit of a metric's means; empty for shares and scores."""
    return {"latency_ms": "ms", "cost_usd": "USD", "rating": "stars"}.get(metric.removeprefix("implicit."), "")


def change_unit(metric: str) -> str:
    """What changes of a metric are told in: per cent of what was before, or points."""
    return "%" if unit_of(metric) in ("ms", "USD") else "pp"
