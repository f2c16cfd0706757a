"""Time zones by name, by offset and by the abbreviations that files use."""

import re
from collections.abc import Mapping
from datetime import UTC, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ratchet.tables.errors import BadFile

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


def fixed_zone(name: str) -> timezone | None:
    """Return the zone of an abbreviation or offset in a cell; None if it is unknown."""
    if name in _HOURS:
        return timezone(timedelta(hours=_HOURS[name]))
    if found := _OFFSET.fullmatch(name):
        return timezone(_offset(found))
    return None


def _offset(found: re.Match[str]) -> timedelta:
    ahead = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    if ahead >= timedelta(hours=24):
        raise BadFile(f"{found.string!r} must be an offset from UTC")
    return ahead if found[1] == "+" else -ahead
