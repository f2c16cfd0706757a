"""The collector's own part of an erasure, step by step. A step that a crash interrupted is run again."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from sqlalchemy.ext.asyncio import AsyncConnection

from collector.domain.erasure import Counts, executions_erased
from collector.domain.erasure_status import Erasure
from collector.domain.outbox_messages import SOURCE
from collector.ingest.service import PseudonymKeyCache
from collector.storage.connections import transient_errors
from collector.storage.erasure_repository import ErasureRepository
from collector.storage.subject_rows import PAGES, SubjectRows
from shared.errors import Retryable
from shared.events import Envelope, derived_id
from shared.events.erasure import ErasureCompleted
from shared.messaging.message_erasure import SLICE, OutboxRange
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import Clock
from shared.runtime.log import logger

_BUSY_INTERVAL_S = 2.0
_IDLE_INTERVAL_S = 60.0

Step = Callable[[Erasure], Awaitable[Counts | None]]
"""Does all or a part of a step. Returns what it erased and did not count itself; None if it is not done yet."""


class ErasureJob:
    """Erases users from the collector's stores. Any number of instances may run it: each row is erased once."""

    def __init__(self, store: SqlStore, key: PseudonymKeyCache, clock: Clock) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self._requested = asyncio.Event()
        # What is joined with feedback goes first, then the events that were made of it.
        self._steps: dict[str, Step] = {
            "executions": self._erase_executions,
            "waiting": self._erase_waiting,
            "outbox": self._erase_outbox,
            "logged-executions": self._erase_logged_executions,
            "logged-feedback": self._erase_logged_feedback,
            "views": self._erase_views,
            "dead-letters": self._erase_dead_letters,
        }

    def add_steps(self, steps: Mapping[str, Step]) -> None:
        """Add steps outside of PostgreSQL, which come last."""
        self._steps |= steps

    def notify(self) -> None:
        """Wake the job: an erasure was requested."""
        self._requested.set()

    async def run(self) -> None:
        """Run when notified, every 2 s while there is something to do, and every 60 s; until cancelled."""
        while True:
            self._requested.clear()
            busy = True
            try:
                busy = await self.run_once()
            except (Retryable, OSError) as error:
                logger(__name__).warning("an erasure waits", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._requested.wait(), _BUSY_INTERVAL_S if busy else _IDLE_INTERVAL_S)

    async def run_once(self) -> bool:
        """Run the steps that can run now; return whether any are left."""
        async with self._begin() as conn:
            erasures = await ErasureRepository(conn).list_unfinished()
        return any([not await self._erase(erasure) for erasure in erasures])

    async def _erase(self, erasure: Erasure) -> bool:
        async with self._begin() as conn:
            done = await ErasureRepository(conn).list_steps(erasure.id)
        for name, step in self._steps.items():
            if name in done:
                continue
            erased = await step(erasure)
            if erased is None:
                return False
            async with self._begin() as conn:
                await ErasureRepository(conn).save_step(erasure.id, name)
                await ErasureRepository(conn).add_counts(erasure.id, erased)
        await self._finish(erasure)
        return True

    async def _finish(self, erasure: Erasure) -> None:
        now = self._clock.now()
        async with self._store.begin() as tx:
            repository = ErasureRepository(tx.conn)
            for part in executions_erased(erasure, await repository.list_references(erasure.id)):
                part_id = derived_id(part.topic, str(erasure.id), str(part.part))
                await tx.emit(Envelope(part_id, now, SOURCE, part, correlation_id=str(erasure.id)))
            erased = await repository.finish(erasure.id, now)
            event = ErasureCompleted(
                project=erasure.project, environment=erasure.environment, erasure_id=erasure.id,
                subject=erasure.subject, service="collector", erased=erased, completed_at=now,
            )  # fmt: skip
            event_id = derived_id(event.topic, str(erasure.id), event.service)
            await tx.emit(Envelope(event_id, now, SOURCE, event, correlation_id=str(erasure.id)))

    async def _erase_executions(self, erasure: Erasure) -> Counts:
        async with self._rows(erasure) as rows:
            pages = await rows.count_pages()
        for first in range(0, pages, PAGES):
            await self._count(erasure, lambda rows, first=first: rows.delete_executions(first))  # type: ignore[misc]
        return {}

    async def _erase_waiting(self, erasure: Erasure) -> Counts:
        await self._count(erasure, SubjectRows.delete_waiting)
        return {}

    async def _erase_outbox(self, erasure: Erasure) -> Counts:
        async with self._rows(erasure) as rows:
            await rows.wait_for_writers()
        async with self._rows(erasure) as rows:
            found = await rows.outbox_range()
        key = await self._key.get()
        for first in range(found.first, found.last + 1, SLICE):
            part = OutboxRange(first, min(first + SLICE - 1, found.last))
            await self._count(erasure, lambda rows, part=part: rows.erase_outbox(part, key))  # type: ignore[misc]
        return {}

    async def _erase_logged_executions(self, erasure: Erasure) -> Counts:
        while await self._count(erasure, SubjectRows.delete_logged_executions):
            pass
        return {}

    async def _erase_logged_feedback(self, erasure: Erasure) -> Counts:
        while await self._count(erasure, SubjectRows.delete_logged_feedback):
            pass
        return {}

    async def _erase_views(self, erasure: Erasure) -> Counts:
        await self._count(erasure, SubjectRows.delete_views)
        return {}

    async def _erase_dead_letters(self, erasure: Erasure) -> Counts:
        key = await self._key.get()
        await self._count(erasure, lambda rows: rows.erase_dead_letters(key))
        return {}

    async def _count(self, erasure: Erasure, delete: Callable[[SubjectRows], Awaitable[Counts]]) -> int:
        """Delete and count in one transaction; return the number of what was deleted."""
        async with self._begin() as conn:
            erased = await delete(SubjectRows(conn, erasure))
            await ErasureRepository(conn).add_counts(erasure.id, erased)
        return sum(erased.values())

    @contextlib.asynccontextmanager
    async def _rows(self, erasure: Erasure) -> AsyncIterator[SubjectRows]:
        async with self._begin() as conn:
            yield SubjectRows(conn, erasure)

    @contextlib.asynccontextmanager
    async def _begin(self) -> AsyncIterator[AsyncConnection]:
        with transient_errors():
            async with self._store.engine.begin() as conn:
                yield conn
