"""A span of time in parts, so that no cursor has to last long; and what came twice, told from what is new."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

LENGTH = timedelta(days=7)
MOST = 12
"""Each window costs a request at least, and servers allow few of them a minute: a long span has longer windows."""
OVERLAP = timedelta(minutes=1)
"""Servers keep times to the millisecond and index some of them coarser: what lies at a border is asked for twice."""


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """From `start` on, before `end`."""

    start: datetime
    end: datetime

    def covered(self, first: float, last: float) -> float:
        """Which part is read, 0 to 1, when the last page's items have the Unix times from `first` to `last`."""
        length = (self.end - self.start).total_seconds()
        read = self.end.timestamp() - last if last <= first else last - self.start.timestamp()
        return min(1.0, max(0.0, read / length))


def windows(start: datetime, end: datetime) -> list[TimeWindow]:
    """The parts, oldest first; each but the first begins a minute early."""
    return list(_windows(start, end))


def _windows(start: datetime, end: datetime) -> Iterator[TimeWindow]:
    at, length = start, max(LENGTH, (end - start) / MOST)
    while at < end:
        until = min(at + length, end)
        yield TimeWindow(at if at == start else at - OVERLAP, until)
        at = until


@dataclass(slots=True)
class Deduplicator:
    """Tells ids that are new from those that came in this window or in the one before it: memory stays small."""

    _now: set[str] = field(default_factory=set)
    _before: set[str] = field(default_factory=set)

    def new(self, name: str) -> bool:
        """Whether that id comes for the first time."""
        if name in self._now or name in self._before:
            return False
        self._now.add(name)
        return True

    def turn(self) -> None:
        """The next window begins."""
        self._before, self._now = self._now, set()
