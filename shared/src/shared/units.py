"""How a metric's values and changes are told to people: the same in sentences, on pages and in proposals (pure)."""

import math

from shared.metric_catalog import definition_of

_SHARES = frozenset({"share", "score"})


def unit_of(metric: str) -> str:
    """`share`, `score` (0 to 1), `stars`, `ms` or `USD`, as the metric is defined by default."""
    return definition_of(metric).unit


def change_unit(metric: str) -> str:
    """What a metric's changes are told in: per cent of what was before for amounts, points of the scale else."""
    return "%" if definition_of(metric).amount else "pp"


def format_value(value: float, unit: str) -> str:
    """A value with its unit: `85.0 %`, `4.25 stars`, `1,204 ms`, `$0.0021`; bare where it has none."""
    if unit in _SHARES:
        return f"{100 * value:.1f} %" if -1 <= value <= 1 else f"{value:.3g}"
    if unit == "USD":
        return f"${value:.4f}" if not 0 < value < 0.01 else f"${value:.{2 - math.floor(math.log10(value))}f}"
    if not unit:
        return f"{value:.3g}"
    return f"{value:,.0f} {unit}" if abs(value) >= 10 else f"{value:.2f} {unit}"


def format_change(points: float, metric: str, direction: str | None = None, unit: str | None = None) -> str:
    """A change as the metric moved, `+34.0 %`, from `points` as events have them: negative is worse.

    `direction` and the change's `unit` are those that were declared; None: as by default.
    """
    return f"{signed(points, _less_is_better(metric, direction))} {unit or change_unit(metric)}"


def interval(low: float, high: float, metric: str, direction: str | None = None) -> tuple[str, str]:
    """The ends of a change's interval as the metric moved, without their unit, the lower one first."""
    turned = _less_is_better(metric, direction)
    ends = (high, low) if turned else (low, high)
    return signed(ends[0], turned), signed(ends[1], turned)


def _less_is_better(metric: str, direction: str | None) -> bool:
    return (direction or definition_of(metric).direction) == "lower_is_better"


def signed(points: float, turned: bool = False) -> str:
    """One digit after the point and a real minus; `turned` where less is better, so that more of it is a plus."""
    tenths = round(-points if turned else points, 1) + 0.0  # no minus before a nought
    return f"{tenths:+.1f}".replace("-", "−")


def plain(value: float) -> str:
    """A bare number, in few digits and with a real minus."""
    return f"{value:.6g}".replace("-", "−")
