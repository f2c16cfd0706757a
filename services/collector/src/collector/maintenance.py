"""What the collector does by itself: joins feedback that waits, lets it go in time, forgets what is old."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from collector.domain import messages as joining
from collector.settings import CollectorSettings
from collector.storage.connections import DedicatedConnection
from collector.storage.repository import PostgresRepository
from shared.errors import Retryable
from shared.runtime.clock import Clock
from shared.runtime.log import logger

_EVERY_S = 1.0
_IDLE_S = 30.0
_BUSY_FOR_S = 60.0
"""Longer than a transaction may take: what was recorded and missed what waits for it can be joined by then."""
_PURGE_EVERY = timedelta(hours=1)
_BATCH = 500

RACE_WINDOW = timedelta(minutes=10)
"""Longer than any transaction: later, an execution and a feedback can't have missed each other any more."""


class Maintenance:
    """Runs beside the requests, on a connection of its own. Any number of instances may do so at once."""

    def __init__(
        self, line: DedicatedConnection, settings: CollectorSettings, clock: Clock, on_emit: Callable[[], None]
    ) -> None:
        self._line = line
        self._settings = settings
        self._clock = clock
        self._on_emit = on_emit
        self._join_since = datetime.min.replace(tzinfo=clock.now().tzinfo)
        self._purge_at = clock.now()
        self._busy_until = 0.0
        self._recorded = asyncio.Event()

    def notify(self) -> None:
        """Something was recorded here just now, which may have missed the feedback that waits for it."""
        self._busy_until = time.monotonic() + _BUSY_FOR_S
        self._recorded.set()

    async def run(self) -> None:
        """Once a second until a minute after the last `notify`, else every 30 s; waits while the database is away."""
        while True:
            try:
                await self.once()
            except Retryable as error:
                logger(__name__).warning("upkeep waits for the database", error=str(error))
            if time.monotonic() < self._busy_until:
                await asyncio.sleep(_EVERY_S)
                continue
            self._recorded.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._recorded.wait(), _IDLE_S)

    async def once(self) -> int:
        """One round; the number of feedback that went out."""
        now = self._clock.now()
        moved = 0
        while (some := await self._move(now)) > 0:
            moved += some
        self._join_since = now - RACE_WINDOW
        if now >= self._purge_at:
            await self._purge(now)
            self._purge_at = now + _PURGE_EVERY
        return moved

    async def _move(self, now: datetime) -> int:
        """Sends out a batch of what need not wait any longer; the number of feedback in it."""
        async with self._line.begin() as pg:
            books = PostgresRepository(pg, self._settings.relay_shards)
            found = await books.joinable(self._join_since, _BATCH)
            found += await books.overdue(now - timedelta(hours=self._settings.join_hours), _BATCH)
            # A row may be both: known by now, and overdue.
            rows = {row: joining.feedback_created_message(entry, joined) for row, entry, joined in found}
            if rows:
                await books.emit(list(rows.values()))
                await books.forget_waiting(list(rows))
        if rows:
            self._on_emit()
        return len(rows)

    async def _purge(self, now: datetime) -> None:
        raw, receipts = timedelta(days=self._settings.raw_days), timedelta(days=self._settings.receipt_days)
        async with self._line.begin() as pg:
            books = PostgresRepository(pg, self._settings.relay_shards)
            await books.purge(now, {"receipts": receipts, "executions": raw, "opinions": raw})
