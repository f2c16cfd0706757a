"""Overlapping time windows, and removal of duplicates in their overlap."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

WINDOW_LENGTH = timedelta(days=7)
MAX_WINDOWS = 12
"""Each window needs at least one request, and servers limit requests, so long spans have longer windows."""
OVERLAP = timedelta(minutes=1)
"""Servers may index times coarsely, so windows overlap."""


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """A time window from `start` (inclusive) to `end` (exclusive)."""

    start: datetime
    end: datetime

    def covered(self, first: float, last: float) -> float:
        """Return the part that has been read, 0 to 1, if the last page has the Unix times `first` to `last`."""
        length = (self.end - self.start).total_seconds()
        read = self.end.timestamp() - last if last <= first else last - self.start.timestamp()
        return min(1.0, max(0.0, read / length))


def split_into_windows(start: datetime, end: datetime) -> list[TimeWindow]:
    """Return the windows, oldest first; each but the first starts one minute early."""
    return list(_windows(start, end))


def _windows(start: datetime, end: datetime) -> Iterator[TimeWindow]:
    at, length = start, max(WINDOW_LENGTH, (end - start) / MAX_WINDOWS)
    while at < end:
        until = min(at + length, end)
        yield TimeWindow(at if at == start else at - OVERLAP, until)
        at = until


@dataclass(slots=True)
class Deduplicator:
    """Detects ids that occurred in this window or the previous one; memory is bounded by two windows."""

    _now: set[str] = field(default_factory=set)
    _before: set[str] = field(default_factory=set)

    def is_new(self, name: str) -> bool:
        """Record an id and return whether it is new."""
        if name in self._now or name in self._before:
            return False
        self._now.add(name)
        return True

    def next_window(self) -> None:
        """Start the next window."""
        self._before, self._now = self._now, set()
