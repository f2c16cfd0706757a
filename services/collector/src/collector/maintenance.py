"""Periodic jobs: send feedback that waited for its execution, archive, and delete what is older than its retention."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from collector.domain.outbox_messages import feedback_created_message
from collector.settings import CollectorSettings
from collector.storage.archive.execution_archive import ExecutionArchive
from collector.storage.archive.statement_workers import WorkerFailure
from collector.storage.connections import DedicatedConnection
from collector.storage.execution_log import ExecutionLogRepository
from collector.storage.repository import PostgresRepository
from shared.errors import Retryable
from shared.runtime.clock import Clock
from shared.runtime.log import logger

_BUSY_INTERVAL_S = 1.0
_IDLE_INTERVAL_S = 30.0
_BUSY_FOR_S = 60.0
"""Longer than a transaction may take, so that feedback whose execution was recorded concurrently is found."""
_DELETE_INTERVAL = timedelta(hours=1)
_BATCH = 500
_LOG_BATCHES = 20
"""Batches of expired log entries that one run deletes, so that feedback does not wait; the next run continues."""

_ARCHIVE_INTERVAL_S = 3600.0
_ARCHIVE_FILES = 20
"""Files that one run of the archive's job writes; while there is more, the next run follows at once."""

RACE_WINDOW = timedelta(minutes=10)
"""Longer than any transaction: older feedback can't have missed a concurrently recorded execution."""


class Maintenance:
    """The periodic jobs, on a dedicated connection. Any number of instances may run them concurrently."""

    def __init__(
        self, connection: DedicatedConnection, settings: CollectorSettings, clock: Clock, on_emit: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._clock = clock
        self._on_emit = on_emit
        self._join_since = datetime.min.replace(tzinfo=clock.now().tzinfo)
        self._delete_at = clock.now()
        self._busy_until = 0.0
        self._recorded = asyncio.Event()

    def on_recorded(self) -> None:
        """Wake the relay, since items were recorded, and `notify`."""
        self._on_emit()
        self.notify()

    def notify(self) -> None:
        """Run once a second for a minute: an execution was recorded, which may have missed waiting feedback."""
        self._busy_until = time.monotonic() + _BUSY_FOR_S
        self._recorded.set()

    async def run(self) -> None:
        """Run every second until a minute after the last `notify`, else every 30 s; until cancelled."""
        while True:
            try:
                await self.run_once()
            except Retryable as error:
                logger(__name__).warning("maintenance waits for the database", error=str(error))
            if time.monotonic() < self._busy_until:
                await asyncio.sleep(_BUSY_INTERVAL_S)
                continue
            self._recorded.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._recorded.wait(), _IDLE_INTERVAL_S)

    async def run_once(self) -> int:
        """Run each job that is due; return the number of feedback sent."""
        now = self._clock.now()
        sent = 0
        while (batch := await self._send_batch(now)) > 0:
            sent += batch
        self._join_since = now - RACE_WINDOW
        if now >= self._delete_at:
            await self._delete_expired(now)
            if self._settings.archive_url or await self._delete_logged(now):
                self._delete_at = now + _DELETE_INTERVAL
        return sent

    async def _send_batch(self, now: datetime) -> int:
        """Send a batch of feedback that need not wait any longer; return its size."""
        async with self._connection.begin() as pg:
            repository = PostgresRepository(pg, self._settings.relay_shards)
            await repository.list_erased([])  # an erasure waits until the events that are written here are visible
            found = await repository.list_joinable_feedback(self._join_since, _BATCH)
            found += await repository.list_overdue_feedback(now - timedelta(hours=self._settings.join_hours), _BATCH)
            # A row may be in both lists.
            rows = {row: feedback_created_message(entry, execution) for row, entry, execution in found}
            if rows:
                await repository.emit(list(rows.values()))
                await repository.delete_waiting_feedback(list(rows))
        if rows:
            self._on_emit()
        return len(rows)

    async def _delete_expired(self, now: datetime) -> None:
        raw, receipts = timedelta(days=self._settings.raw_days), timedelta(days=self._settings.receipt_days)
        async with self._connection.begin() as pg:
            repository = PostgresRepository(pg, self._settings.relay_shards)
            await repository.delete_expired(now, {"receipts": receipts, "executions": raw, "current_feedback": raw})

    async def _delete_logged(self, now: datetime) -> bool:
        """Delete expired entries of the execution log, a batch per transaction; return whether all are deleted."""
        for _ in range(_LOG_BATCHES):
            async with self._connection.begin() as pg:
                age = timedelta(days=self._settings.log_days)
                if not await ExecutionLogRepository(pg).delete_expired(now, age):
                    return True
        return False


class ArchiveMaintenance:
    """Moves old executions to the archive and deletes what it does not need any more.

    Any number of instances may run it: one at a time exports.
    """

    def __init__(self, archive: ExecutionArchive, clock: Clock) -> None:
        self._archive = archive
        self._clock = clock

    async def run(self) -> None:
        """Run at the start and then every hour, until cancelled."""
        while True:
            try:
                while await self.run_once():
                    pass
            except (Retryable, OSError, WorkerFailure) as error:
                logger(__name__).warning("executions cannot be archived now", error=str(error))
            await asyncio.sleep(_ARCHIVE_INTERVAL_S)

    async def run_once(self) -> bool:
        """Archive some files' worth of old rows, and delete what has expired; return whether there is more to do."""
        now = self._clock.now()
        more = await self._archive.export(now, _ARCHIVE_FILES)
        await self._archive.delete_expired(now)
        return more
