"""The operations of workers: lease tasks (waiting if none is free), extend leases, and answer."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

from evaluator.domain.task_leases import AnswerOutcome
from evaluator.domain.worker_requests import LeasedTask, LeaseRequest, LeaseToken, TaskReport
from evaluator.storage.set_cache import PublishedSetCache
from evaluator.storage.tasks import TaskRepository
from evaluator.task_signal import TaskSignal
from ratchet_evaluation.domain.cases import GoldenCase
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import Clock

_LOOK_S = 1.0
"""Seconds until a waiting request looks again: other instances open tasks, and leases expire."""


@dataclass(frozen=True, slots=True)
class CaseTask:
    """A leased task with its case."""

    leased: LeasedTask
    case: GoldenCase


class TaskService:
    """Tasks of one environment's workers. `on_answer` is called after answers were stored."""

    def __init__(
        self, store: SqlStore, clock: Clock, sets: PublishedSetCache, signal: TaskSignal, on_answer: Callable[[], None]
    ) -> None:
        self._store, self._clock, self._sets = store, clock, sets
        self._signal, self._on_answer = signal, on_answer

    async def lease(self, request: LeaseRequest, wait_s: float, gone: "asyncio.Future[None]") -> list[CaseTask]:
        """Lease free tasks; wait for some, at most `wait_s` seconds, and until `gone`: the worker has disconnected.

        No connection and no lock is held while it waits.
        """
        deadline = time.monotonic() + wait_s
        while True:
            tasks = await self._lease_now(request)
            left = deadline - time.monotonic()
            if tasks or left <= 0.0:
                return tasks
            await self._signal.wait(min(left, _LOOK_S), gone)
            if gone.done():
                return []

    async def _lease_now(self, request: LeaseRequest) -> list[CaseTask]:
        async with self._store.begin() as tx:
            leased = await TaskRepository(tx.conn).lease(request, self._clock.now())
            sets = {key: await self._sets.get(tx.conn, key) for key in {task.set_key for task in leased}}
        return [CaseTask(task, sets[task.set_key].cases[task.case_id]) for task in leased]

    async def extend(self, leases: Sequence[LeaseToken], scope: tuple[str, str]) -> list[UUID]:
        """Extend leases; return the ids of the tasks that their worker still holds."""
        async with self._store.begin() as tx:
            return await TaskRepository(tx.conn).extend(leases, scope, self._clock.now())

    async def answer(self, reports: Sequence[TaskReport], scope: tuple[str, str]) -> list[AnswerOutcome]:
        """Store answers; return what became of each."""
        async with self._store.begin() as tx:
            outcomes = await TaskRepository(tx.conn).answer(reports, scope, self._clock.now())
        if "accepted" in outcomes:
            self._on_answer()
        return outcomes
