"""What a column's numbers mean: which metric, from where to where, and which end is good."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from analyzer.backtest.cells import failure, label, number, readable, reads, thumb
from analyzer.backtest.kinds import Better, Kind
from analyzer.backtest.naming import tokens
from analyzer.backtest.troubles import BadFile
from analyzer.metrics import COST, ERROR_RATE, LATENCY, metric_named
from analyzer.model import Metric

# Words in the names of columns of which less is better.
_LOWER = frozenset(
    tokens(
        "hallucination hallucinated toxicity toxic error errors failed failure refusal harm harmful bias biased "
        "incorrect wrong unfaithful unsafe flagged escalated"
    )
)
_MOST_MS, _MOST_USD = 1e9, 1e6


@dataclass(frozen=True, slots=True)
class Scale:
    """How the cells of `column` are read: to a number in the metric's own unit from `low` to `high`.

    Numbers outside are left out and counted, never clipped. `told` says what the column was taken for.
    """

    column: str
    kind: Kind
    metric: Metric
    read: Callable[[Any], float]
    low: float
    high: float
    told: str


def limits(text: str) -> tuple[float, float]:
    """`0:10` as two numbers. Raises BadFile."""
    low, _, high = text.partition(":")
    try:
        ends = float(low), float(high)
    except ValueError:
        raise BadFile(f"--scale: {text!r} is not like 0:10") from None
    if not ends[0] < ends[1] or ends[1] - ends[0] == float("inf"):
        raise BadFile(f"--scale: {text!r} must go from a smaller number to a larger one")
    return ends


def scale(
    column: str,
    cells: Sequence[Any],
    kind: Kind | None = None,
    ends: tuple[float, float] | None = None,
    better: Better | None = None,
) -> Scale:
    """What `column` means, by what is given and else by its name and these first cells. Raises BadFile.

    Nothing is guessed where two readings are likely: then the message says what to give.
    """
    lower = better == "lower" if better else not _LOWER.isdisjoint(tokens(column))
    if ends is not None:
        return _between(column, ends, lower)
    return _of_kind(column, kind or _guessed(column, cells), lower, better)


def _of_kind(column: str, kind: Kind, lower: bool, better: Better | None) -> Scale:
    match kind:
        case "thumb":
            return Scale(column, kind, metric_named("thumb"), thumb, 0.0, 1.0, "thumbs up and down")
        case "label":
            return Scale(column, kind, metric_named(f"label.{column}"), label, 0.0, 1.0, "labels, good and bad words")
        case "rating" if better == "lower":
            return _between(column, (1.0, 5.0), lower=True)
        case "rating":
            return Scale(column, kind, metric_named("rating"), number, 1.0, 5.0, "ratings from 1 to 5, 5 is best")
        case "percent":
            return _between(column, (0.0, 100.0), lower)
        case "score":
            return _between(column, (0.0, 1.0), lower)
        case "error":
            return Scale(column, kind, ERROR_RATE, failure, 0.0, 1.0, "outcomes, errors are worst")
        case "latency":
            read, unit = (_from_seconds, "s") if _SECONDS & set(tokens(column)) else (number, "ms")
            return Scale(column, kind, LATENCY, read, 0.0, _MOST_MS, f"latency in {unit}, lower is better")
        case "cost":
            return Scale(column, kind, COST, number, 0.0, _MOST_USD, "cost in US dollars, lower is better")


def _between(column: str, ends: tuple[float, float], lower: bool) -> Scale:
    """A score between two ends. One from 0 to 1, 1 being best, is the metric that the service would measure."""
    low, high = ends
    width = high - low
    name = f"score.{column}"
    if lower:
        metric = Metric(
            name, "lower_is_better", "", "bounded", lambda v: (high - v) / width, lambda s: high - s * width
        )
    elif ends == (0.0, 1.0):
        metric = metric_named(name)
    else:
        metric = Metric(name, "higher_is_better", "", "bounded", lambda v: (v - low) / width, lambda s: low + s * width)
    told = f"scores from {low:g} to {high:g}, {low if lower else high:g} is best"
    return Scale(column, "score", metric, number, low, high, told)


def _from_seconds(cell: Any) -> float:
    return 1000.0 * number(cell)


def _guessed(column: str, cells: Sequence[Any]) -> Kind:
    words = set(tokens(column))
    if not cells:
        raise BadFile(f"{column} holds nothing in the first rows")
    if words & {"latency", "duration", "elapsed"}:
        return "latency"
    if words & {"cost", "usd", "price"}:
        return "cost"
    if readable(cells, number):
        return _numbers(column, words, cells)
    for kind, read in _WORDED:
        if readable(cells, read):
            return kind
    raise BadFile(f"{column} holds neither numbers nor words that are known, but such as {str(cells[0])[:40]!r}")


def _numbers(column: str, words: set[str], cells: Sequence[Any]) -> Kind:
    found = {number(cell) for cell in cells if reads(cell, number)}
    low, high = min(found), max(found)
    thumbs = bool(words & {"thumb", "thumbs", "vote", "like", "liked"})
    if found == {-1.0, 1.0} or (thumbs and found <= {-1.0, 0.0, 1.0} and len(found) < 3):
        return "thumb"
    if low >= 0.0 and high <= 1.0:
        return "score"
    if low >= 1.0 and high <= 5.0 and (words & {"rating", "ratings", "star", "stars", "csat"} or {1.0, 5.0} <= found):
        return "rating"
    percent = words & {"percent", "percentage", "pct"} or any(str(cell).strip().endswith("%") for cell in cells[:10])
    if percent and low >= 0.0 and high <= 100.0:
        return "percent"
    raise BadFile(
        f"{column} holds numbers from {low:g} to {high:g}: give the scale that they are on, "
        f"such as --scale {min(0, math.floor(low))}:{_round(high)}"
    )


def _round(high: float) -> int:
    """The next end that a scale may have: 5, 10, 100 …"""
    return next((end for end in (1, 5, 7, 10, 100) if high <= end), math.ceil(high))


_SECONDS = {"s", "sec", "secs", "second", "seconds"}
_WORDED: tuple[tuple[Kind, Callable[[Any], float]], ...] = (("thumb", thumb), ("label", label), ("error", failure))
