"""A clock that tests advance."""

from datetime import UTC, datetime, timedelta


class FakeClock:
    """Starts at `start` (2026-01-01 UTC by default) and moves only by `advance`."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by
