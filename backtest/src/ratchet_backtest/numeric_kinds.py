"""Kind and scale of a column of numbers, inferred from its name and values."""

import math
import re
from collections.abc import Sequence

from ratchet.tables import BadFile, Doubt, Option
from ratchet.tables.numbers import Number, parse
from ratchet_backtest.column_sample import ColumnSample
from ratchet_backtest.option_types import ColumnKind
from shared.metric_catalog import definition_for, tokens

_STARS = frozenset(tokens("rating ratings star stars csat"))
_THUMBS = frozenset(tokens("thumb thumbs vote votes like liked"))
_PERCENT = frozenset(tokens("percent percentage pct"))
_MLFLOW = re.compile(r".+/v\d+/score")
"""MLflow's name of a judge's score, which is from 1 to 5."""


def infer_numeric_kind(column: ColumnSample) -> ColumnKind:
    """Return the kind of a column of numbers, by notation and range. Raises Doubt or BadFile."""
    numbers = _parsed(column)
    values = [number.value for number in numbers if number.unit in ("", "word")]
    plain = set(values)
    units = {number.unit for number in numbers}
    if "stars" in units:
        return "rating"
    if "%" in units:
        return _percentages(column, plain)
    if "/" in units:
        return _fractions(column, plain, {number.of for number in numbers if number.unit == "/"})
    return _plain_number_kind(column, values)


def _parsed(column: ColumnSample) -> list[Number]:
    found = []
    for cell in column.cells:
        try:
            number = parse(cell, column.mark)
        except ValueError:
            continue
        if number is not None:
            found.append(number)
    return found


def _percentages(column: ColumnSample, plain: set[float]) -> ColumnKind:
    """Return the kind of a column with percent signs: `0.9` and `90%` are equal, `1` is ambiguous."""
    if not plain:
        return "percent"
    low, high = min(plain), max(plain)
    parts = any(value != int(value) for value in plain if value <= 1.0)
    if low >= 0.0 and high <= 1.0 and parts:
        return "score"
    if low >= 0.0 and 1.0 < high <= 100.0 and not parts and not any(0.0 < value <= 1.0 for value in plain):
        return "percent"
    raise Doubt(
        f"{column.name} contains percentages, and numbers from {low:g} to {high:g} that may be on another scale",
        Option("--kind score", "numbers are from 0 to 1 (1 is 100 %)", "kind", "score"),
        Option("--kind percent", "numbers are per cent", "kind", "percent"),
    )


def _fractions(column: ColumnSample, plain: set[float], wholes: set[float]) -> ColumnKind:
    if not plain or (min(plain) >= 0.0 and max(plain) <= 1.0 and any(value != int(value) for value in plain)):
        return "score"
    end = max(wholes)
    raise Doubt(
        f"{column.name} contains fractions and numbers from {min(plain):g} to {max(plain):g}",
        Option(f"--scale 0:{end:g}", f"numbers are from 0 to {end:g}", "ends", (0.0, end)),
        Option("--scale 0:1", "numbers are from 0 to 1", "ends", (0.0, 1.0)),
    )


def _plain_number_kind(column: ColumnSample, numbers: Sequence[float]) -> ColumnKind:
    words, found = column.words, set(numbers)
    low, high = _central_range(numbers)
    if found == {-1.0, 1.0} or (words & _THUMBS and found <= {-1.0, 0.0, 1.0} and len(found) < 3):
        return "thumb"
    judged = _MLFLOW.fullmatch(column.name) and all(value == int(value) for value in found)
    if (words & _STARS or judged) and low >= 1.0 and high <= 5.0 and (high > 1.0 or "csat" in words):
        return "rating"
    only_ones = words & (_STARS | _PERCENT) and found == {1.0}
    if low >= 0.0 and high <= 1.0 and not only_ones and not _own_scale(column.name):
        return "score"
    if low >= 1.0 and high <= 5.0 and {1.0, 5.0} <= found and all(value == int(value) for value in found):
        return "rating"
    if words & _PERCENT and low >= 0.0 and high <= 100.0:
        return "percent"
    parts = sum(0.0 < value < 1.0 for value in numbers)
    if low >= 0.0 and 1.0 < high <= 100.0 and parts and not any(1.0 < value < 5.0 for value in numbers):
        raise BadFile(
            f"{column.name} contains {parts:,} numbers from 0 to 1 and others up to {high:g}, which may be two scales: "
            "correct the file, or give --scale if it is one scale"
        )
    raise _scale_doubt(column.name, low, high, _sentinel(numbers))


def _central_range(numbers: Sequence[float]) -> tuple[float, float]:
    """Return the range of the numbers without the outermost 0.5 % on each side."""
    ordered = sorted(numbers)
    spare = len(ordered) // 200
    return ordered[spare], ordered[len(ordered) - 1 - spare]


def _own_scale(name: str) -> bool:
    """Return whether the catalogue has another scale than 0 to 1 for scores of that name."""
    found = definition_for(name, "score")
    return not found.amount and found.scale != (0.0, 1.0)


def _sentinel(numbers: Sequence[float]) -> float | None:
    """Return the only number outside 0 to 1, which may stand for a missing value; else None."""
    outside = {value for value in numbers if not 0.0 <= value <= 1.0}
    return next(iter(outside)) if len(outside) == 1 and len(set(numbers)) > 2 else None


def _scale_doubt(name: str, low: float, high: float, sentinel: float | None = None) -> Doubt:
    ends = {(min(0, math.floor(low)), _next_scale_end(high)): "such as"}
    if low >= 1.0 and high <= 5.0:
        ends = {(1, 5): "", (0, 5): ""}
    elif _own_scale(name):
        own = definition_for(name, "score").scale
        ends = {(round(own[0]), round(own[1])): "", **ends}
    options = [
        Option(f"--scale {first}:{last}", f"from {first} to {last}", "ends", (float(first), float(last)))
        for first, last in ends
    ]
    if sentinel is not None:
        text = f"{sentinel:g}"
        options.insert(0, Option(f"--missing {text}", f"{text} stands for a missing value", "missing", text))
    return Doubt(f"{name} contains numbers from {low:g} to {high:g} on an unknown scale", *options)


def _next_scale_end(high: float) -> int:
    """Return the next usual end of a scale: 5, 10, 100 …"""
    return next((end for end in (1, 5, 7, 10, 100) if high <= end), math.ceil(high))
