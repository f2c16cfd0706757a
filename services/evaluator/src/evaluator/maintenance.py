"""Background jobs: advance evaluations, and delete the tasks of those that ended."""

import asyncio
from contextlib import suppress
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.bisection_service import BisectionService
from evaluator.run_service import RunService
from evaluator.storage.bisections import BisectionRunRepository
from evaluator.storage.evaluations import EvaluationRunRepository
from evaluator.storage.tasks import TaskRepository
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import Clock

_POLL_S = 2.0
"""Seconds until what other instances received is seen, and expired leases are."""
TASKS_KEPT = timedelta(days=3)
BISECTION_ENDS = timedelta(days=1)
"""A bisection that has no result by then, because no worker answers, is cancelled."""


class RunScheduler:
    """Advances evaluations and bisections soon after `notify`, and every two seconds."""

    def __init__(self, service: RunService, bisections: BisectionService, reader: AsyncEngine) -> None:
        self._service, self._bisections, self._reader = service, bisections, reader
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Advance evaluations now: something was answered or published."""
        self._event.set()

    async def run(self) -> None:
        """Run until cancelled. Raises errors of the database."""
        while True:
            self._event.clear()
            if await self._has_unfinished():
                await self._service.advance_all()
                if await self._bisections.advance_all():
                    continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._event.wait(), _POLL_S)

    async def _has_unfinished(self) -> bool:
        """Return whether something could be advanced: one statement, while nothing is evaluated."""
        async with self._reader.connect() as conn:
            return await EvaluationRunRepository(conn).has_unfinished()


async def delete_old_tasks(store: SqlStore, clock: Clock) -> None:
    """Delete the tasks of evaluations that ended three days ago; their reports stay.

    Unfinished ones that were requested then and have few-shot examples are cancelled, so that no user's text stays.
    """
    now = clock.now()
    async with store.begin() as tx:
        await TaskRepository(tx.conn).delete_ended_before(now - TASKS_KEPT)
        await EvaluationRunRepository(tx.conn).cancel_old_examples(now - TASKS_KEPT, now)


async def cancel_old_bisections(store: SqlStore, clock: Clock) -> None:
    """Cancel bisections that were requested a day ago."""
    async with store.begin() as tx:
        await BisectionRunRepository(tx.conn).cancel(clock.now(), before=clock.now() - BISECTION_ENDS)
