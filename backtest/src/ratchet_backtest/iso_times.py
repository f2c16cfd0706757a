"""Times in ISO 8601 of one layout, parsed at once."""

import re
from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np

from ratchet_backtest.columnar.row_groups import Ints

_LAYOUT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{3}(?:\d{3})?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_MONTHS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_MOST = 1 << 53
"""More microseconds are not exact as a float."""


def parse_iso_times(cells: Sequence[Any], utc: bool) -> "array[float] | None":
    """Return the Unix times of a column of equally long texts, each as `datetime` computes it.

    None if they are of another or of several layouts, or if one is not a time. Times without a zone are read only if
    they are in UTC (`utc`).
    """
    layout = _LAYOUT.fullmatch(cells[0]) if cells and type(cells[0]) is str else None
    if layout is None or not (layout[1] or utc):
        return None
    digits = _digits(cells, layout[0])
    if digits is None:
        return None
    year, month, day, hour, minute, second = (
        _number(digits[:, start:stop]) for start, stop in ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))
    )
    zone = 4 if layout[1] not in (None, "Z") else 0
    part = digits[:, 14 : digits.shape[1] - zone]
    micros = _number(part) * 10 ** (6 - part.shape[1])
    ahead_hours, ahead_minutes = (_number(digits[:, -4:-2]), _number(digits[:, -2:])) if zone else (0 * hour, 0 * hour)
    valid = _valid_dates(year, month, day) & (hour < 24) & (minute < 60) & (second < 60)
    if not (valid & (ahead_hours < 24) & (ahead_minutes < 60)).all():
        return None
    ahead = (ahead_hours * 60 + ahead_minutes) * (-1 if zone and layout[1][0] == "-" else 1)
    seconds = ((_days(year, month, day) * 24 + hour) * 60 + minute - ahead) * 60 + second
    total = seconds * 1_000_000 + micros
    if np.abs(total).max() >= _MOST:
        return None
    return array("d", (total / 1_000_000).tobytes())


def _digits(cells: Sequence[Any], layout: str) -> Ints | None:
    """Return the digits of texts that have all else in common with `layout`; None if they do not."""
    try:
        text = "".join(cells).encode("ascii")
    except (TypeError, UnicodeEncodeError):
        return None
    if set(map(len, cells)) != {len(layout)}:
        return None
    chars = np.frombuffer(text, dtype=np.uint8).reshape(len(cells), len(layout))
    is_digit = np.array([char.isdigit() for char in layout])
    if (chars[:, ~is_digit] != chars[0, ~is_digit]).any():
        return None
    digits = chars[:, is_digit] - np.uint8(ord("0"))  # other characters become larger than 9
    return None if (digits > 9).any() else digits.astype(np.int64)


def _number(digits: Ints) -> Ints:
    number = np.zeros(len(digits), dtype=np.int64)
    for column in range(digits.shape[1]):
        number = number * 10 + digits[:, column]
    return number


def _valid_dates(year: Ints, month: Ints, day: Ints) -> Ints:
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    longest = _MONTHS[np.clip(month, 1, 12) - 1] + (leap & (month == 2))
    valid: Ints = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= longest)
    return valid


def _days(year: Ints, month: Ints, day: Ints) -> Ints:
    """Return the days since 1970-01-01; years begin in March, so that the leap day is their last one."""
    late = (month > 2).astype(np.int64)
    year = year - 1 + late
    in_year = (153 * (month + 9 - 12 * late) + 2) // 5 + day - 1
    days: Ints = year * 365 + year // 4 - year // 100 + year // 400 + in_year - 719_468
    return days
