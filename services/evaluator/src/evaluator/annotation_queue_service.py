"""Changes of annotation queues: create, describe, add tasks; in one transaction each."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.annotation_queues import (
    MAX_QUEUES,
    MAX_TASKS,
    AnnotationQueue,
    QueueKey,
    QueueSettings,
    TaskContent,
)
from evaluator.domain.erased_cases import tombstones_of
from evaluator.domain.rubric import RubricQuestion
from evaluator.domain.task_addition import TaskAddition, identify_tasks, select_new_tasks
from evaluator.storage.annotation_queues import AnnotationQueueRepository
from evaluator.storage.annotation_tasks import AnnotationTaskRepository
from evaluator.storage.erasures import CaseErasureRepository
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.sql_store import SqlStore
from shared.problems import Problem, invalid
from shared.runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class QueueChange:
    """A requested change of a queue. Fields that are None stay as they are; a new queue gets their defaults."""

    target: str
    rubric: tuple[RubricQuestion, ...]
    instructions: str | None = None
    annotators: int | None = None
    reservation_minutes: int | None = None

    def settings(self, before: QueueSettings) -> QueueSettings:
        """Return the new settings."""
        return QueueSettings(
            before.instructions if self.instructions is None else self.instructions,
            self.rubric,
            self.annotators or before.annotators,
            self.reservation_minutes or before.reservation_minutes,
        )


_DEFAULTS = QueueSettings("", (), 1, 10)


class AnnotationQueueService:
    """Changes annotation queues."""

    def __init__(self, store: SqlStore, clock: Clock, subjects: ErasedSubjects) -> None:
        self._store = store
        self._subjects = subjects
        self._clock = clock

    async def put(self, key: QueueKey, change: QueueChange, by: str) -> tuple[AnnotationQueue, bool]:
        """Create a queue, or change an existing one. Return it, and whether it is new.

        Raises Problem 409 if it has another target, if somebody has begun to annotate with another rubric, or if the
        environment has too many queues.
        """
        async with self._store.begin() as tx:
            saved = AnnotationQueueRepository(tx.conn)
            found = await saved.lock(key)
            if found is None:
                if await saved.count(key.project, key.environment) >= MAX_QUEUES:
                    raise Problem(409, "too-many-queues", f"An environment has at most {MAX_QUEUES} annotation queues")
                settings = change.settings(_DEFAULTS)
                new = AnnotationQueue(uuid4(), key, change.target, settings, self._clock.now(), by)
                if await saved.create(new):
                    return new, True
                found = await lock_queue(tx.conn, key)  # another request created it at the same time
            await _check_change(saved, found, change)
            await saved.change(found.id, change.settings(found.settings))
            return await lock_queue(tx.conn, key), False

    async def add_tasks(self, key: QueueKey, contents: Sequence[TaskContent], by: str) -> TaskAddition:
        """Add tasks; those that the queue has stay as they are.

        Raises Problem 404, 409 if the queue is full, or 422 for an execution of a user who was erased.
        """
        sent = identify_tasks(contents)
        async with self._store.begin() as tx:
            queue = await lock_queue(tx.conn, key)
            await self._check_erased(tx.conn, key, contents)
            tasks = AnnotationTaskRepository(tx.conn, queue.id)
            addition = select_new_tasks(sent, await tasks.list_known([task.digest for task in sent]))
            if await tasks.get_last_position() + len(addition.tasks) > MAX_TASKS:
                raise Problem(409, "queue-full", f"An annotation queue has at most {MAX_TASKS:,} tasks")
            await tasks.add(addition.tasks, queue.settings.annotators, self._clock.now(), by)
            return addition

    async def _check_erased(self, conn: AsyncConnection, key: QueueKey, contents: Sequence[TaskContent]) -> None:
        environments = {key.environment, *await CaseErasureRepository(conn).list_environments(key.project)}
        barring = [set(tombstones_of(content.execution_id, None, key.project, environments)) for content in contents]
        erased = await self._subjects.find_erased(conn, set().union(*barring))
        for number, keys in enumerate(barring):
            if not erased.isdisjoint(keys):
                raise invalid(f"tasks[{number}].execution_id", "is an execution of a user who was erased")


async def _check_change(saved: AnnotationQueueRepository, queue: AnnotationQueue, change: QueueChange) -> None:
    if queue.target != change.target:
        raise Problem(
            409, "target-fixed", "The target of an annotation queue can't be changed",
            f"{queue.key.name} is for {queue.target}: create another queue for {change.target}",
        )  # fmt: skip
    if queue.settings.rubric != change.rubric and await saved.has_begun(queue.id):
        raise Problem(
            409, "rubric-fixed", "The rubric can't be changed after somebody has begun to annotate",
            "create another queue for other questions",
        )  # fmt: skip


async def lock_queue(conn: AsyncConnection, key: QueueKey) -> AnnotationQueue:
    """Return a locked queue. Raises Problem 404."""
    found = await AnnotationQueueRepository(conn).lock(key)
    if found is None:
        raise unknown_queue()
    return found


async def get_queue(conn: AsyncConnection, key: QueueKey) -> AnnotationQueue:
    """Return a queue. Raises Problem 404."""
    found = await AnnotationQueueRepository(conn).get(key)
    if found is None:
        raise unknown_queue()
    return found


def unknown_queue() -> Problem:
    """Return the Problem for an unknown queue."""
    return Problem(404, "unknown-queue", "There is no such annotation queue here")
