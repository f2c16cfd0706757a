"""Parsing of numbers: decimal points or commas, thousands separators, percent, fractions, stars.

A cell is parsed by its own form if that is unambiguous (`0,75`, `1,234.5`, `1.234.567`). `decimal_mark` decides
ambiguous ones such as `1,234` for a complete column.
"""

import math
import re
from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

from ratchet.tables.errors import Doubt, Option
from ratchet.tables.missing_values import is_blank
from ratchet.tables.verbal_scales import YES_NO

Mark = Literal["point", "comma"]
Unit = Literal["", "%", "/", "stars", "word"]
Read = Callable[[Any], float]
MISSING = math.nan

_NUMERAL = r"[-+−]?(?:\d[\d.,'’ \u00a0\u202f]*|[.,]\d+)(?:[eE][-+]?\d+)?"
_PLAIN = re.compile(_NUMERAL)
_PERCENT = re.compile(rf"({_NUMERAL})\s*(?:%|percent|prozent|pct)", re.IGNORECASE)
_FRACTION = re.compile(rf"({_NUMERAL})\s*(?:/|out of|of|von|sur|de)\s*({_NUMERAL})", re.IGNORECASE)
_STARS = re.compile(rf"({_NUMERAL})\s*(?:stars?|sterne?|étoiles?|estrellas?|stelle?|[★⭐])", re.IGNORECASE)
_DRAWN = re.compile(r"([★⭐🌟]+)[☆✩]*")
_MONEY = re.compile(rf"(?:us)?[$€£]\s*({_NUMERAL})|({_NUMERAL})\s*(?:usd|eur|[$€£])", re.IGNORECASE)
_SPACES = re.compile(r"[\s'’\u00a0\u202f_]")
_GROUPED = {",": re.compile(r"\d{1,3}(?:,\d{3})+"), ".": re.compile(r"\d{1,3}(?:\.\d{3})+")}
_ONE_GROUP = re.compile(r"[1-9]\d{0,2}([.,])\d{3}")
_SHOWN = 60


class Number(NamedTuple):
    """A number and its unit: `%` and stars as written, `/` as a share of `of`."""

    value: float
    unit: Unit = ""
    of: float = 1.0


def parse(cell: Any, mark: Mark = "point") -> Number | None:
    """Return the number in a cell; None where it is empty. Raises ValueError with a reason after "line 7: it …"."""
    if type(cell) is str:
        return _written(cell.strip(), mark)
    if is_blank(cell):
        return None
    if isinstance(cell, list):
        return _mean([parse(part, mark) for part in cell])
    try:
        value = float(cell)
    except OverflowError:
        raise ValueError("is not a finite number") from None
    except (TypeError, ValueError):
        raise ValueError("is not a number") from None
    return Number(_finite(value), "word" if cell is True or cell is False else "")


def _written(text: str, mark: Mark) -> Number | None:
    if is_blank(text):
        return None
    if len(text) > _SHOWN:
        raise ValueError("is not a number")
    if _PLAIN.fullmatch(text):
        return Number(_numeral(text, mark))
    if found := _PERCENT.fullmatch(text):
        return Number(_numeral(found[1], mark), "%")
    if found := _FRACTION.fullmatch(text):
        whole = _numeral(found[2], mark)
        if whole <= 0.0:
            raise ValueError("is not a number")
        return Number(_numeral(found[1], mark) / whole, "/", whole)
    if found := _STARS.fullmatch(text):
        return Number(_numeral(found[1], mark), "stars")
    if found := _DRAWN.fullmatch(text.replace("\ufe0f", "").replace(" ", "")):
        return Number(float(len(found[1])), "stars")
    if found := _MONEY.fullmatch(text):
        return Number(_numeral(found[1] or found[2], mark))
    if text.casefold() in YES_NO:
        return Number(YES_NO[text.casefold()], "word")
    if text.strip("+-").casefold() in ("inf", "infinity", "∞"):
        raise ValueError("is not a finite number")
    raise ValueError("is not a number")


def _numeral(text: str, mark: Mark) -> float:
    """Return the value of a numeral; `mark` decides where a single mark precedes three digits."""
    plain = _SPACES.sub("", text).replace("−", "-")
    head, exponent, power = plain.partition("e") if "e" in plain else plain.partition("E")
    digits = head.lstrip("+-")
    points, commas = digits.count("."), digits.count(",")
    if points or commas:
        decimal = _decimal(digits, points, commas, mark)
        other = "." if decimal == "," else ","
        whole, _, part = digits.rpartition(decimal) if decimal in digits else (digits, "", "")
        if other in whole and not _GROUPED[other].fullmatch(whole):
            raise ValueError("is not a number")
        digits = f"{whole.replace(other, '')}.{part}"
    sign = "-" if head.startswith("-") else ""
    try:
        return _finite(float(f"{sign}{digits}{exponent}{power}"))
    except ValueError as error:
        raise ValueError("is not a finite number" if "finite" in str(error) else "is not a number") from None


def _decimal(digits: str, points: int, commas: int, mark: Mark) -> str:
    """Return which of the two marks is the decimal one."""
    if points and commas:
        return "." if digits.rindex(".") > digits.rindex(",") else ","
    only = "." if points else ","
    other = "," if points else "."
    if max(points, commas) > 1:
        return other
    if _ONE_GROUP.fullmatch(digits):
        return "." if mark == "point" else ","
    return only


def _finite(value: float) -> float:
    if value - value != 0.0:
        raise ValueError("is not a finite number")
    return value


def _mean(parts: Sequence[Number | None]) -> Number | None:
    known = [part for part in parts if part is not None]
    if not known:
        return None
    if len({(part.unit, part.of) for part in known}) > 1:
        raise ValueError("is a list of values with different units")
    return Number(sum(part.value for part in known) / len(known), known[0].unit, known[0].of)


def decimal_mark(column: str, cells: Sequence[Any], commas: bool = False) -> Mark:
    """Return whether `1,234` and `1.234` in a column are thousands or decimals, by its other cells. Raises Doubt.

    `commas` says that the file is of a dialect with decimal commas.
    """
    texts = [_bare(cell) for cell in cells if type(cell) is str and ("," in cell or "." in cell)]
    groups = [found[1] for text in texts if (found := _ONE_GROUP.fullmatch(text))]
    if not groups:
        return "comma" if commas else "point"
    sure = {_sure(text) for text in texts} - {None}
    if len(sure) == 1:
        return "comma" if sure == {","} else "point"
    whole = [int(text) for cell in cells if (text := _bare(cell)).isdigit() and len(text) < 10]
    if not sure and len(set(groups)) == 1:
        if whole and 100 <= max(whole) <= 999:
            return "point" if groups[0] == "," else "comma"  # it groups thousands
        if groups[0] == "," and commas:
            return "comma"
        if groups[0] == "." and not commas and not whole:
            return "point"
        if groups[0] == "." and not commas and max(whole) < 1000:
            return "point"
    shown = next(cell for cell in cells if type(cell) is str and _ONE_GROUP.fullmatch(_bare(cell)))
    raise Doubt(
        f"{column}: {shown.strip()!r} can be a decimal number or a thousand",
        Option("--decimal point", "commas separate thousands, a point comes before decimals", "decimal", "point"),
        Option("--decimal comma", "points separate thousands, a comma comes before decimals", "decimal", "comma"),
    )


def _bare(cell: Any) -> str:
    """Return the digits and marks of a cell, without sign, unit and spaces."""
    return re.sub(r"[^\d.,]", "", str(cell)) if type(cell) in (str, int) else ""


def _sure(text: str) -> str | None:
    """Return the decimal mark that the shape of a numeral proves; None where it proves none."""
    points, commas = text.count("."), text.count(",")
    if points and commas:
        return "." if text.rindex(".") > text.rindex(",") else ","
    if max(points, commas) > 1:
        return "," if points else "."
    return None if _ONE_GROUP.fullmatch(text) else "." if points else ","
