"""Parsing of times: one format, one unit and one zone per column.

Read are ISO 8601; Unix times in s, ms, µs and ns (10, 13, 16 and 19 digits); dates with numbers in any order, with or
without a time of day; dates with the names of months, as in RFC 2822; Excel's serial numbers when asked for.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ratchet.tables.errors import BadFile, Doubt, Option
from ratchet.tables.missing_values import is_blank

Order = Literal["day-first", "month-first"]
Parse = Callable[[Any], float | datetime]
"""Returns a Unix time or a naive datetime. Raises ValueError."""

NO_TIME = "has no time"
UNREADABLE = "has a time that cannot be read"
_UNITS: Mapping[str, float] = {"epoch-s": 1.0, "epoch-ms": 1e3, "epoch-us": 1e6, "epoch-ns": 1e9}
_EARLIEST, _LATEST = 631_152_000.0, 4_102_444_800.0
"""1990 to 2100; numbers outside are not times."""
_EXCEL = datetime(1899, 12, 30)
_DIGITS = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")
_STAMP = re.compile(r"(?:19|20)\d{6}(?:\d{4}|\d{6})?")
_CLOCK = (
    r"(?:(?:,|\s|T|\s-|\sum|\sat)*\s*(\d{1,2})[:.h](\d{2})(?:[:.](\d{2})(?:[.,](\d+))?)?"
    r"\s*([AaPp]\.?\s?[Mm]\.?)?\s*(?:Uhr)?)?"
)
_ZONE = r"\s*(Z|(?:UTC|GMT)?\s?[-+]\d{1,2}:?\d{2}|(?:UTC|GMT)?[-+]\d{1,2}|[A-Z]{2,5})?(?:\s*\(.*\))?"
_NUMERIC = re.compile(rf"(\d{{1,4}})\s?([./-])\s?(\d{{1,2}})\s?\2\s?(\d{{2,4}}){_CLOCK}{_ZONE}")
_NAMED = re.compile(
    rf"(?:[^\W\d]+\.?,?\s+)?(?:(\d{{1,2}})(?:st|nd|rd|th)?\.?[\s-]+(?:de\s+)?([^\W\d]{{3,10}})\.?|([^\W\d]{{3,10}})\.?\s+(\d{{1,2}})"
    rf"(?:st|nd|rd|th)?),?[\s-]+(?:de\s+)?(\d{{4}}|\d{{2}}){_CLOCK}{_ZONE}"
)
_CTIME = re.compile(rf"[^\W\d]{{3}}\s+([^\W\d]{{3}})\s+(\d{{1,2}}){_CLOCK}{_ZONE}\s+(\d{{4}})")
_OFFSET = re.compile(r"(?:UTC|GMT)?\s?([-+])(\d{1,2}):?(\d{2})?")
_HOURS: Mapping[str, float] = {
    **dict.fromkeys(("Z", "UTC", "GMT", "UT", "WET"), 0.0),
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
    "CET": 1,
    "CEST": 2,
    "MEZ": 1,
    "MESZ": 2,
    "BST": 1,
    "WEST": 1,
    "EET": 2,
    "EEST": 3,
    "IST": 5.5,
    "JST": 9,
}
_MONTHS: Mapping[str, int] = {
    name: number
    for number, names in enumerate(
        (
            "jan january januar janvier janv enero ene gennaio gen",
            "feb february februar février févr fév febrero febbraio",
            "mar march märz mär mrz mars marzo",
            "apr april avril avr abril abr aprile",
            "may mai mayo maggio mag",
            "jun june juni juin junio giugno giu",
            "jul july juli juillet juil julio luglio lug",
            "aug august août aou agosto ago",
            "sep sept september septembre septiembre settembre set",
            "oct october oktober okt octobre octubre ottobre ott",
            "nov november novembre noviembre",
            "dec december dezember dez décembre déc diciembre dic dicembre",
        ),
        1,
    )
    for name in names.split()
}


def zone(name: str) -> tzinfo:
    """Return a time zone by name, such as `Europe/Berlin`, or by offset, such as `+02:00`. Raises BadFile."""
    if found := _OFFSET.fullmatch(name):
        return timezone(_offset(found))
    if name.upper() in ("UTC", "Z", "GMT"):
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadFile(f"--timezone: {name!r} must be a zone such as Europe/Berlin or +02:00") from None


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
    numeric = [number for cell in cells if (number := _number(cell)) is not None]
    if len(numeric) >= 0.9 * len(cells) and (unit := _unit(numeric)):
        return TimeFormat(unit, _epoch(_UNITS[unit]))
    for found in (TimeFormat("iso", _iso), TimeFormat("names", _named)):
        if (share := _share(found.parse, cells)) >= 0.9:
            return _checked(found, cells) if share else None
    return _ordered(column, cells)


def _ordered(column: str, cells: Sequence[Any]) -> TimeFormat | None:
    """Return the format of dates of three numbers, whose order the whole column decides."""
    shares = {order: _share(_numeric(order), cells) for order in _ORDERS}
    best = max(shares.values())
    if best < 0.9:
        return None
    if shares["day-first"] == shares["month-first"]:
        return _undecided(column, cells)
    order = max(_ORDERS, key=lambda order: shares[order])
    words = order.replace("-", " ")
    return _checked(TimeFormat(order, _numeric(order), note=f"dates in {column} are read with the {words}"), cells)


def _undecided(column: str, cells: Sequence[Any]) -> TimeFormat:
    texts = [found for cell in cells if type(cell) is str and (found := _NUMERIC.fullmatch(_tidy(cell)))]
    if any(found[1] != found[3] and len(found[1]) < 3 for found in texts):
        if all(found[2] == "." for found in texts):
            return _checked(
                TimeFormat(
                    "day-first",
                    _numeric("day-first"),
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
    return _checked(TimeFormat("day-first", _numeric("day-first")), cells)


def _given(name: str, cells: Sequence[Any]) -> TimeFormat:
    parsers: dict[str, Parse] = {
        "iso": _iso,
        "day-first": _numeric("day-first"),
        "month-first": _numeric("month-first"),
        "excel": _excel,
        **{unit: _epoch(factor) for unit, factor in _UNITS.items()},
    }
    if name in parsers:
        return _checked(TimeFormat(name, parsers[name]), cells)
    if "%" not in name:
        raise BadFile(f"--time-format: {name!r} is neither one of {', '.join(parsers)} nor a pattern such as %d.%m.%Y")
    return _checked(TimeFormat(name, _pattern(name)), cells)


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


def _number(cell: Any) -> float | None:
    if type(cell) is str:
        text = cell.strip()
        if not _DIGITS.fullmatch(text) or _STAMP.fullmatch(text):
            return None
        return float(text)
    return float(cell) if isinstance(cell, int | float) and not isinstance(cell, bool) and cell == cell else None


def _unit(numbers: Sequence[float]) -> str | None:
    """Return the unit in which nearly all numbers are times from 1990 to 2100; no number fits two units."""
    for name, factor in _UNITS.items():
        if sum(_EARLIEST <= number / factor <= _LATEST for number in numbers) >= 0.9 * len(numbers):
            return name
    return None


def _epoch(factor: float) -> Parse:
    def parse(cell: Any) -> float:
        number = _number(cell)
        if number is None or not _EARLIEST <= number / factor <= _LATEST:
            raise ValueError(_reason(cell))
        return number / factor

    return parse


def _reason(cell: Any) -> str:
    return NO_TIME if is_blank(cell) else UNREADABLE


def _typed(cell: Any) -> float | datetime:
    """Parse cells whose type is a time."""
    if isinstance(cell, datetime):
        return cell.timestamp() if cell.tzinfo else cell
    if isinstance(cell, date):
        return datetime.combine(cell, time())
    if type(cell) is float and _EARLIEST <= cell <= _LATEST:  # a Parquet file's times with a zone
        return cell
    raise ValueError(_reason(cell))


def _iso(cell: Any) -> float | datetime:
    if type(cell) is not str:
        return _typed(cell)
    text = cell
    if not ("-" in text[4:8] or "-" in text[:5]):
        text = text.strip()
        if not _STAMP.fullmatch(text) and not (len(text) > 8 and text[8] == "T"):
            raise ValueError(_reason(cell))
        text = text if len(text) == 8 or "T" in text else f"{text[:8]}T{text[8:]}"
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = _loose(text.strip(), cell)
    return found.timestamp() if found.tzinfo else found


def _loose(text: str, cell: Any) -> datetime:
    """Parse ISO 8601 with spaces before the zone, or with the name of a zone."""
    plain = re.sub(r"\s+(?=[-+]\d{2}:?\d{0,2}$)", "", text.replace(",", "."))
    plain = re.sub(r"\s*(UTC|GMT|Z)$", "+00:00", plain)
    plain = re.sub(r"(?<=[T ])(\d):", r"0\1:", plain)
    try:
        return datetime.fromisoformat(plain)
    except ValueError:
        raise ValueError(_reason(cell)) from None


def _excel(cell: Any) -> float | datetime:
    number = _number(cell)
    if number is None:
        return _typed(cell)
    if not 30_000.0 <= number <= 75_000.0:
        raise ValueError(UNREADABLE)
    return _EXCEL + timedelta(milliseconds=round(number * 86_400_000))


def _pattern(pattern: str) -> Parse:
    def parse(cell: Any) -> float | datetime:
        try:
            found = datetime.strptime(str(cell).strip(), pattern)
        except ValueError:
            raise ValueError(_reason(cell)) from None
        return found.timestamp() if found.tzinfo else found

    return parse


def _tidy(text: str) -> str:
    return text.strip().replace("\u202f", " ").replace("\u00a0", " ")


_ORDERS: tuple[Order, ...] = ("day-first", "month-first")


def _numeric(order: Order) -> Parse:
    def parse(cell: Any) -> float | datetime:
        if type(cell) is not str:
            return _typed(cell)
        found = _NUMERIC.fullmatch(_tidy(cell))
        if found is None:
            raise ValueError(_reason(cell))
        first, second, third = int(found[1]), int(found[3]), int(found[4])
        if len(found[1]) == 4:
            year, month, day = first, second, third
        else:
            day, month = (first, second) if order == "day-first" else (second, first)
            year = _year(third, found[4])
        return _moment(year, month, day, *found.groups()[4:])

    return parse


def _named(cell: Any) -> float | datetime:
    if type(cell) is not str:
        return _typed(cell)
    text = _tidy(cell)
    if found := _NAMED.fullmatch(text):
        day, month = found[1] or found[4], found[2] or found[3]
        return _moment(_year(int(found[5]), found[5]), _month(month), int(day), *found.groups()[5:])
    if found := _CTIME.fullmatch(text):
        return _moment(int(found[9]), _month(found[1]), int(found[2]), *found.groups()[2:8])
    raise ValueError(_reason(cell))


def _month(name: str) -> int:
    number = _MONTHS.get(name.casefold())
    if number is None:
        raise ValueError(UNREADABLE)
    return number


def _year(number: int, text: str) -> int:
    return number if len(text) == 4 else 2000 + number if len(text) == 2 else 0


def _moment(
    year: int, month: int, day: int, hour: str | None, minute: str | None, second: str | None, part: str | None,
    half: str | None, name: str | None,
) -> float | datetime:  # fmt: skip
    hours = int(hour or 0)
    if half:
        if not 1 <= hours <= 12:
            raise ValueError(UNREADABLE)
        hours = hours % 12 + (12 if half[0] in "Pp" else 0)
    micro = int((part or "0")[:6].ljust(6, "0"))
    try:
        found = datetime(year, month, day, hours, int(minute or 0), int(second or 0), micro)
    except ValueError:
        raise ValueError(UNREADABLE) from None
    if name is None:
        return found
    return found.replace(tzinfo=_fixed(name)).timestamp()


def _fixed(name: str) -> timezone:
    if name in _HOURS:
        return timezone(timedelta(hours=_HOURS[name]))
    if found := _OFFSET.fullmatch(name):
        return timezone(_offset(found))
    raise ValueError(UNREADABLE)


def _offset(found: re.Match[str]) -> timedelta:
    ahead = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    if ahead >= timedelta(hours=24):
        raise BadFile(f"{found.string!r} must be an offset from UTC")
    return ahead if found[1] == "+" else -ahead
