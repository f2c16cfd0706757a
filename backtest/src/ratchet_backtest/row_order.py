"""In which order the rows of a file happened: by their times, and by the file's order where times are equal."""

from array import array
from collections.abc import Sequence
from typing import Literal

Trend = Literal["ascending", "descending", "mixed", "flat"]
_HOUR = 3600.0
_MOST = 0.9


def trend(times: Sequence[float]) -> Trend:
    """Whether times go up or down from row to row, apart from a tenth of the steps."""
    up = down = 0
    before = times[0] if times else 0.0
    for now in times:
        if now > before:
            up += 1
        elif now < before:
            down += 1
        before = now
    if up + down == 0:
        return "flat"
    if up >= _MOST * (up + down):
        return "ascending"
    return "descending" if down >= _MOST * (up + down) else "mixed"


def in_order(times: Sequence[float], newest_first: bool) -> Sequence[int]:
    """The rows by time; equal times in the file's order, from its end where the newest come first."""
    rows = range(len(times) - 1, -1, -1) if newest_first else range(len(times))
    return sorted(rows, key=times.__getitem__)


def resolve_repeated_hours(times: "array[float]", repeated: Sequence[int], newest_first: bool) -> None:
    """Move the times of the hour that a change from summer time repeats to its second pass, where rows tell so.

    `repeated` are the rows whose local time exists twice; their times are those of the first pass. A row that would
    lie before the one that happened before it is of the second pass.
    """
    for row in reversed(repeated) if newest_first else repeated:
        before = row + 1 if newest_first else row - 1
        if 0 <= before < len(times) and times[row] < times[before] <= times[row] + _HOUR:
            times[row] += _HOUR
