"""Choice of the time format of a column: one format, one unit and one zone per column.

Supported are ISO 8601; Unix times in s, ms, µs and ns (10, 13, 16 and 19 digits); dates with numbers in any order, with
or without a time of day; dates with month names, as in RFC 2822; Excel's serial numbers if asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ratchet.tables.errors import BadFile, Doubt, Option
from ratchet.tables.time_parsers import (
    EARLIEST,
    LATEST,
    NUMERIC_DATE,
    UNITS,
    Order,
    Parse,
    epoch_parser,
    number_in,
    numeric_date_parser,
    parse_excel,
    parse_iso,
    parse_named_month,
    pattern_parser,
    plain_spaces,
)

_ORDERS: tuple[Order, ...] = ("day-first", "month-first")


@dataclass(frozen=True, slots=True)
class TimeFormat:
    """The format of a column's times. `naive`: some of the sampled cells have no zone."""

    name: str
    parse: Parse
    naive: bool = False
    note: str | None = None


def time_format(column: str, cells: Sequence[Any], name: str | None = None) -> TimeFormat | None:
    """Return the format that parses nearly all cells of a column; None if none does. Raises Doubt, or BadFile.

    `name` is one of `iso`, `day-first`, `month-first`, `epoch-s`, `epoch-ms`, `epoch-us`, `epoch-ns`, `excel`, or a
    pattern of strptime, such as `%d.%m.%Y`.
    """
    if name is not None:
        return _given(name, cells)
    if not cells:
        return None
    numeric = [number for cell in cells if (number := number_in(cell)) is not None]
    if len(numeric) >= 0.9 * len(cells) and (unit := _unit(numeric)):
        return TimeFormat(unit, epoch_parser(UNITS[unit]))
    for found in (TimeFormat("iso", parse_iso), TimeFormat("names", parse_named_month)):
        if (share := _share(found.parse, cells)) >= 0.9:
            return _checked(found, cells) if share else None
    return _ordered(column, cells)


def _ordered(column: str, cells: Sequence[Any]) -> TimeFormat | None:
    """Return the format of dates of three numbers, whose order the whole column decides."""
    shares = {order: _share(numeric_date_parser(order), cells) for order in _ORDERS}
    best = max(shares.values())
    if best < 0.9:
        return None
    if shares["day-first"] == shares["month-first"]:
        return _undecided(column, cells)
    order = max(_ORDERS, key=lambda order: shares[order])
    note = f"dates in {column} are read with the {order.replace('-', ' ')}"
    return _checked(TimeFormat(order, numeric_date_parser(order), note=note), cells)


def _undecided(column: str, cells: Sequence[Any]) -> TimeFormat:
    texts = [found for cell in cells if type(cell) is str and (found := NUMERIC_DATE.fullmatch(plain_spaces(cell)))]
    if any(found[1] != found[3] and len(found[1]) < 3 for found in texts):
        if all(found[2] == "." for found in texts):
            return _checked(
                TimeFormat(
                    "day-first",
                    numeric_date_parser("day-first"),
                    note=f"dates in {column} are read with the day first, as dates with points are (--time-format)",
                ),
                cells,
            )
        unsure = next(found for found in texts if found[1] != found[3] and len(found[1]) < 3)
        raise Doubt(
            f"{column}: {unsure.string!r} can have the day first or the month, and no other date decides it",
            Option("--time-format day-first", "the day comes first", "time_format", "day-first"),
            Option("--time-format month-first", "the month comes first", "time_format", "month-first"),
        )
    return _checked(TimeFormat("day-first", numeric_date_parser("day-first")), cells)


def _given(name: str, cells: Sequence[Any]) -> TimeFormat:
    parsers: dict[str, Parse] = {
        "iso": parse_iso,
        "day-first": numeric_date_parser("day-first"),
        "month-first": numeric_date_parser("month-first"),
        "excel": parse_excel,
        **{unit: epoch_parser(factor) for unit, factor in UNITS.items()},
    }
    if name in parsers:
        return _checked(TimeFormat(name, parsers[name]), cells)
    if "%" not in name:
        raise BadFile(f"--time-format: {name!r} is neither one of {', '.join(parsers)} nor a pattern such as %d.%m.%Y")
    return _checked(TimeFormat(name, pattern_parser(name)), cells)


def _checked(found: TimeFormat, cells: Sequence[Any]) -> TimeFormat:
    naive = False
    for cell in cells:
        try:
            naive = naive or isinstance(found.parse(cell), datetime)
        except ValueError:
            continue
    return TimeFormat(found.name, found.parse, naive, found.note)


def _share(parse: Parse, cells: Sequence[Any]) -> float:
    read = 0
    for cell in cells:
        try:
            parse(cell)
        except ValueError:
            continue
        read += 1
    return read / len(cells)


def _unit(numbers: Sequence[float]) -> str | None:
    """Return the unit in which nearly all numbers are times from 1990 to 2100; no number fits two units."""
    for name, factor in UNITS.items():
        if sum(EARLIEST <= number / factor <= LATEST for number in numbers) >= 0.9 * len(numbers):
            return name
    return None
