"""Group commit: requests that arrive while transactions run share the next one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar

from collector.domain.group_plan import plan_group, references_of
from collector.domain.ingestion import ingest
from collector.domain.model import IngestItem, ItemStatus
from collector.storage.connections import DedicatedConnection
from collector.storage.group_repository import GroupRepository
from collector.storage.repository import PostgresRepository
from shared.messaging.erased_subjects import ErasedSubjects
from shared.runtime.failure_classification import FailureClass, classify
from shared.runtime.log import logger

T = TypeVar("T")
R = TypeVar("R")

Write = Callable[[Sequence[T]], Awaitable[Sequence[R]]]


OnWritten = Callable[[list[R | Exception]], None]


class QueueFull(Exception):
    """The queue for the database is full; the request may be sent again later."""


class Submission(NamedTuple, Generic[T, R]):
    """Items that were queued together. `on_written` is called with a result or an error for each, after the commit."""

    items: Sequence[T]
    weight: int
    on_written: OnWritten[R]


class Queue(Generic[T, R]):
    """Submissions in order of arrival, bounded by their number of items and their weight in bytes."""

    def __init__(self, max_items: int, max_weight: int) -> None:
        self._max_items = max_items
        self._max_weight = max_weight
        self._submissions: deque[Submission[T, R]] = deque()
        self.items = 0
        self.weight = 0

    def put(self, submission: Submission[T, R]) -> None:
        """Append a submission. Raises QueueFull where it does not fit; an empty queue accepts any."""
        fits = (
            self.items + len(submission.items) <= self._max_items
            and self.weight + submission.weight <= self._max_weight
        )
        if self._submissions and not fits:
            raise QueueFull
        self._submissions.append(submission)
        self.items += len(submission.items)
        self.weight += submission.weight

    def pop_group(self, limit: int) -> list[Submission[T, R]]:
        """Remove and return the oldest submissions with at most `limit` items in total, but at least one if any."""
        group: list[Submission[T, R]] = []
        size = 0
        while self._submissions and (not group or size + len(self._submissions[0].items) <= limit):
            submission = self._submissions.popleft()
            group.append(submission)
            size += len(submission.items)
            self.weight -= submission.weight
        self.items -= size
        return group


class GroupCommitter(Generic[T, R]):
    """Writes the queued submissions in one transaction, and resolves them after its commit.

    Each of `writes` handles one group at a time. It gets the items of a group and returns a result for each after the
    commit. Where it raises, nothing of the group may be stored. While one waits for the disk, another begins only with
    `concurrent_from` items, or after `patience` seconds: two small groups cost more than one, and what waits for the
    disk shares the next commit.
    """

    def __init__(
        self,
        *writes: Write[T, R],
        group: int = 500,
        max_items: int = 20_000,
        max_weight: int = 64 << 20,
        concurrent_from: int = 32,
        patience: float = 0.02,
    ) -> None:
        self._writes = writes
        self._group = group
        self._concurrent_from = concurrent_from
        self._patience = patience
        self._queue: Queue[T, R] = Queue(max_items, max_weight)
        self._due = asyncio.Event()
        self._writing = 0
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, items: Sequence[T], weight: int) -> "asyncio.Future[list[R | Exception]]":
        """Queue `items` (`weight` bytes in total). Raises QueueFull. The future never resolves to an error itself."""
        done: asyncio.Future[list[R | Exception]] = asyncio.get_running_loop().create_future()
        self.enqueue(items, weight, partial(_resolve, done))
        return done

    def enqueue(self, items: Sequence[T], weight: int, on_written: OnWritten[R]) -> None:
        """Queue `items` like `submit`; `on_written` is called later, and must not raise."""
        self._queue.put(Submission(items, weight, on_written))
        if self._is_due():
            self._due.set()

    def _is_due(self) -> bool:
        """Whether another write may begin; where one has to wait, let it wait no longer than `patience`."""
        if not self._writing or self._queue.items >= self._concurrent_from:
            return True
        if self._timer is None and self._queue.items:
            self._timer = asyncio.get_running_loop().call_later(self._patience, self._lose_patience)
        return False

    def _lose_patience(self) -> None:
        self._timer = None
        if self._queue.items:
            self._due.set()

    async def run(self) -> None:
        """Write until cancelled; a write in progress then is completed."""
        async with asyncio.TaskGroup() as tasks:
            for write in self._writes:
                tasks.create_task(self._run_writer(write))

    async def _run_writer(self, write: Write[T, R]) -> None:
        while True:
            await self._due.wait()
            self._due.clear()
            while group := self._queue.pop_group(self._group):
                self._writing += 1
                try:
                    await asyncio.shield(asyncio.ensure_future(self._write_group(write, group)))
                finally:
                    self._writing -= 1
                if not self._is_due():
                    break  # the write in progress goes on with these

    async def _write_group(self, write: Write[T, R], group: Sequence[Submission[T, R]]) -> None:
        results = await write_all(write, [item for submission in group for item in submission.items])
        start = 0
        for submission in group:
            end = start + len(submission.items)
            submission.on_written(results[start:end])
            start = end


def _resolve(done: "asyncio.Future[list[R | Exception]]", results: list[R | Exception]) -> None:
    if not done.done():  # the client may have disconnected
        done.set_result(results)


async def write_all(write: Write[T, R], items: Sequence[T]) -> list[R | Exception]:
    """Write `items` and return a result or an error for each; bisect a group that fails because of an item.

    While the database is unavailable or busy nothing is retried here: the clients get an error and repeat.
    """
    try:
        return list(await write(items))
    except Exception as error:
        if classify(error) is FailureClass.RETRYABLE:
            return [error] * len(items)
        if len(items) == 1:
            logger(__name__).error(
                "an item can't be stored", error=type(error).__name__
            )  # its message may contain a user's text
            return [error]
    middle = len(items) // 2
    return await write_all(write, items[:middle]) + await write_all(write, items[middle:])


class BatchWriter:
    """Writes groups of items, each in one commit, on a dedicated connection."""

    def __init__(
        self, connection: DedicatedConnection, shards: int, on_emit: Callable[[], None], subjects: ErasedSubjects
    ) -> None:
        """`on_emit` is called after each commit; it wakes the relay."""
        self._subjects = subjects
        self._connection = connection
        self._shards = shards
        self._on_emit = on_emit

    async def write(self, items: Sequence[IngestItem]) -> list[ItemStatus]:
        """Return the statuses of `items` after their commit. Raises Retryable, or the error that an item causes."""
        async with self._connection.session() as pg:
            statuses = await self._write_in_one_statement(pg, items)
            if statuses is None:
                async with pg.transaction():
                    statuses = await ingest(PostgresRepository(pg, self._shards), items)
                self._subjects.count_dropped(statuses.count("erased"))
        self._on_emit()
        return statuses

    async def _write_in_one_statement(self, pg: Any, items: Sequence[IngestItem]) -> list[ItemStatus] | None:
        """Return the statuses after the commit; None, without a change, where the group needs a transaction."""
        repository = GroupRepository(pg, self._shards)
        references = references_of(items)
        plan = plan_group(items, references, await repository.read(references))
        return plan.statuses if plan is not None and await repository.write(plan.write) else None
