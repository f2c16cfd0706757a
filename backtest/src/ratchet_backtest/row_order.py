"""Order of the rows of a file: by their times, and by the file's order if times are equal."""

from array import array
from collections.abc import Sequence
from typing import Literal

import numpy as np

Trend = Literal["ascending", "descending", "mixed", "flat"]
_HOUR = 3600.0
_MOST = 0.9


def detect_trend(times: Sequence[float]) -> Trend:
    """Return the direction of at least 90 % of the steps between rows."""
    at = np.asarray(times, dtype=np.float64)
    up, down = (int(np.count_nonzero(step)) for step in (at[1:] > at[:-1], at[1:] < at[:-1]))
    if up + down == 0:
        return "flat"
    if up >= _MOST * (up + down):
        return "ascending"
    return "descending" if down >= _MOST * (up + down) else "mixed"


def sort_rows(times: Sequence[float], newest_first: bool) -> Sequence[int]:
    """Return the rows sorted by time; equal times in file order, reversed if `newest_first`."""
    at = np.asarray(times, dtype=np.float64)
    rows = len(at) - 1 - np.argsort(at[::-1], kind="stable") if newest_first else np.argsort(at, kind="stable")
    return array("q", rows.astype(np.int64).tobytes())


def resolve_repeated_hours(times: "array[float]", repeated: Sequence[int], newest_first: bool) -> None:
    """Add an hour to repeated local times that belong to the second pass, by the order of rows.

    `repeated` are the rows whose local time exists twice, with times of the first pass. A row whose time is before that
    of its predecessor belongs to the second pass.
    """
    for row in reversed(repeated) if newest_first else repeated:
        before = row + 1 if newest_first else row - 1
        if 0 <= before < len(times) and times[row] < times[before] <= times[row] + _HOUR:
            times[row] += _HOUR
