"""Formatting of a metric's values and changes, for sentences, pages and proposals (pure)."""

import math
import re

from shared.metric_catalog import definition_of

_CURRENCY = re.compile("[A-Z]{3}")
_SHARES = frozenset({"share", "score"})


def unit_of(metric: str) -> str:
    """Return the metric's default unit: `share`, `score` (0 to 1), `stars`, `ms` or `USD`."""
    return definition_of(metric).unit


def change_unit(metric: str) -> str:
    """Return the unit of a metric's changes: `%` of the previous value for amounts, else `pp` of the scale."""
    return "%" if definition_of(metric).amount else "pp"


def format_value(value: float, unit: str) -> str:
    """Return a value with its unit: `85.0 %`, `4.25 stars`, `1,204 ms`, `$0.0021`, `0.0021 EUR`; bare without."""
    if unit in _SHARES:
        return f"{100 * value:.1f} %" if -1 <= value <= 1 else f"{value:.3g}"
    if _CURRENCY.fullmatch(unit):
        number = f"{value:.4f}" if not 0 < value < 0.01 else f"{value:.{2 - math.floor(math.log10(value))}f}"
        return f"${number}" if unit == "USD" else f"{number} {unit}"
    if not unit:
        return f"{value:.3g}"
    return f"{value:,.0f} {unit}" if abs(value) >= 10 else f"{value:.2f} {unit}"


def format_change(points: float, metric: str, direction: str | None = None, unit: str | None = None) -> str:
    """Return a change in the metric's own direction, such as `+34.0 %`. Negative `points` are worse, as in events.

    `direction` and `unit` are the declared ones; None: the metric's defaults.
    """
    return f"{format_signed(points, _less_is_better(metric, direction))} {unit or change_unit(metric)}"


def format_interval_ends(low: float, high: float, metric: str, direction: str | None = None) -> tuple[str, str]:
    """Return the ends of a change's interval in the metric's own direction, without unit, the lower one first."""
    inverted = _less_is_better(metric, direction)
    ends = (high, low) if inverted else (low, high)
    return format_signed(ends[0], inverted), format_signed(ends[1], inverted)


def _less_is_better(metric: str, direction: str | None) -> bool:
    return (direction or definition_of(metric).direction) == "lower_is_better"


def format_signed(points: float, inverted: bool = False) -> str:
    """Return `points` with a sign and one decimal; `inverted` if less is better, so that an increase is a plus."""
    tenths = round(-points if inverted else points, 1) + 0.0  # no minus before a zero
    return f"{tenths:+.1f}".replace("-", "−")


def plain(value: float) -> str:
    """Return a number with at most six digits and a typographic minus."""
    return f"{value:.6g}".replace("-", "−")
