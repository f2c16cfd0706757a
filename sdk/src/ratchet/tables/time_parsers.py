"""Parsers of cells with times: ISO 8601, Unix times, dates with numbers or month names, Excel's serial numbers."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from typing import Any, Literal

from ratchet.tables.missing_values import is_blank
from ratchet.tables.time_zones import fixed_zone

Order = Literal["day-first", "month-first"]
Parse = Callable[[Any], float | datetime]
"""Returns a Unix time or a naive datetime. Raises ValueError."""

NO_TIME = "has no time"
UNREADABLE = "has a time that cannot be read"
UNITS: Mapping[str, float] = {"epoch-s": 1.0, "epoch-ms": 1e3, "epoch-us": 1e6, "epoch-ns": 1e9}
EARLIEST, LATEST = 631_152_000.0, 4_102_444_800.0
"""1990 to 2100; numbers outside are not times."""
_EXCEL = datetime(1899, 12, 30)
_DIGITS = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")
_STAMP = re.compile(r"(?:19|20)\d{6}(?:\d{4}|\d{6})?")
_CLOCK = (
    r"(?:(?:,|\s|T|\s-|\sum|\sat)*\s*(\d{1,2})[:.h](\d{2})(?:[:.](\d{2})(?:[.,](\d+))?)?"
    r"\s*([AaPp]\.?\s?[Mm]\.?)?\s*(?:Uhr)?)?"
)
_ZONE = r"\s*(Z|(?:UTC|GMT)?\s?[-+]\d{1,2}:?\d{2}|(?:UTC|GMT)?[-+]\d{1,2}|[A-Z]{2,5})?(?:\s*\(.*\))?"
NUMERIC_DATE = re.compile(rf"(\d{{1,4}})\s?([./-])\s?(\d{{1,2}})\s?\2\s?(\d{{2,4}}){_CLOCK}{_ZONE}")
_NAMED = re.compile(
    rf"(?:[^\W\d]+\.?,?\s+)?(?:(\d{{1,2}})(?:st|nd|rd|th)?\.?[\s-]+(?:de\s+)?([^\W\d]{{3,10}})\.?|([^\W\d]{{3,10}})\.?\s+(\d{{1,2}})"
    rf"(?:st|nd|rd|th)?),?[\s-]+(?:de\s+)?(\d{{4}}|\d{{2}}){_CLOCK}{_ZONE}"
)
_CTIME = re.compile(rf"[^\W\d]{{3}}\s+([^\W\d]{{3}})\s+(\d{{1,2}}){_CLOCK}{_ZONE}\s+(\d{{4}})")
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


def number_in(cell: Any) -> float | None:
    """Return the number in a cell; None if it is none, or a date without separators."""
    if type(cell) is str:
        text = cell.strip()
        if not _DIGITS.fullmatch(text) or _STAMP.fullmatch(text):
            return None
        return float(text)
    return float(cell) if isinstance(cell, int | float) and not isinstance(cell, bool) and cell == cell else None


def epoch_parser(factor: float) -> Parse:
    """Return a parser of Unix times in units of 1 / `factor` seconds."""

    def parse(cell: Any) -> float:
        number = number_in(cell)
        if number is None or not EARLIEST <= number / factor <= LATEST:
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
    if type(cell) is float and EARLIEST <= cell <= LATEST:  # a Parquet file's times with a zone
        return cell
    raise ValueError(_reason(cell))


def parse_iso(cell: Any) -> float | datetime:
    """Parse ISO 8601, also without separators. Raises ValueError."""
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


def parse_excel(cell: Any) -> float | datetime:
    """Parse a serial number of Excel, in days since 1899-12-30. Raises ValueError."""
    number = number_in(cell)
    if number is None:
        return _typed(cell)
    if not 30_000.0 <= number <= 75_000.0:
        raise ValueError(UNREADABLE)
    return _EXCEL + timedelta(milliseconds=round(number * 86_400_000))


def pattern_parser(pattern: str) -> Parse:
    """Return a parser of a pattern of strptime."""

    def parse(cell: Any) -> float | datetime:
        try:
            found = datetime.strptime(str(cell).strip(), pattern)
        except ValueError:
            raise ValueError(_reason(cell)) from None
        return found.timestamp() if found.tzinfo else found

    return parse


def plain_spaces(text: str) -> str:
    """Return `text` with plain spaces, and none around it."""
    return text.strip().replace("\u202f", " ").replace("\u00a0", " ")


def numeric_date_parser(order: Order) -> Parse:
    """Return a parser of dates of three numbers; `order` decides unless the year comes first."""

    def parse(cell: Any) -> float | datetime:
        if type(cell) is not str:
            return _typed(cell)
        found = NUMERIC_DATE.fullmatch(plain_spaces(cell))
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


def parse_named_month(cell: Any) -> float | datetime:
    """Parse a date with the name of its month. Raises ValueError."""
    if type(cell) is not str:
        return _typed(cell)
    text = plain_spaces(cell)
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
    zone = fixed_zone(name)
    if zone is None:
        raise ValueError(UNREADABLE)
    return found.replace(tzinfo=zone).timestamp()
