"""The time range that a pull reads next. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

SLICE = timedelta(hours=6)
"""Longest time that is read at once; the position is stored after each."""
SHORTEST_SLICE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Slice:
    """A time range to read, from `start` (inclusive) to `end` (exclusive)."""

    start: datetime
    end: datetime

    def halves(self) -> "tuple[Slice, Slice] | None":
        """Return the two halves of a slice; None if it is too short to divide."""
        if self.end - self.start <= SHORTEST_SLICE:
            return None
        middle = self.start + (self.end - self.start) / 2
        return Slice(self.start, middle), Slice(middle, self.end)


@dataclass(frozen=True, slots=True)
class PullSchedule:
    """`window` is read first; later runs read again what is younger than `lag` + `overlap`.

    Sources show items some time after they happened (`lag`) and long calls only when they end (`overlap`). Nothing
    younger than `lag` is read, so that items are complete.
    """

    window: timedelta
    overlap: timedelta
    lag: timedelta

    def slices(self, position: datetime | None, now: datetime) -> Iterator[Slice]:
        """Return the time ranges to read now, oldest first. Nothing before `position` is read again."""
        oldest, end = now - self.window, now - self.lag
        start = oldest if position is None else max(position, oldest)
        while start < end:
            until = min(start + SLICE, end)
            yield Slice(start, until)
            start = until

    def position_after(self, read: Slice, now: datetime) -> datetime:
        """Return the new position after reading a slice at `now`. What is younger than the overlap is read again."""
        return min(read.end, now - self.lag - self.overlap)
