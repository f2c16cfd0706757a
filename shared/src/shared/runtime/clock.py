"""Clocks: time is passed as an argument, so that decisions never read the operating system's clock."""

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """A source of the current time; `shared.testing.clock` has a fake one."""

    def now(self) -> datetime:
        """Return the current time, timezone-aware, in UTC."""
        ...


class SystemClock:
    """The operating system's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)
