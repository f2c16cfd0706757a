"""What annotators and experts do: reserve tasks, answer, skip, and decide what annotators disagree about."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from evaluator.annotation_queue_service import get_queue
from evaluator.domain.annotation_queues import AnnotationQueue, AnnotationTask, QueueKey, ReservedTask
from evaluator.domain.consensus import find_consensus, metric_ratings
from evaluator.domain.reservations import judge_skip, judge_submission
from evaluator.domain.rubric import Answers, RubricError, check_answers
from evaluator.storage.annotation_corrections import AnnotationCorrectionRepository
from evaluator.storage.annotation_tasks import AnnotationTaskRepository
from evaluator.storage.annotations import AnnotationRepository
from evaluator.storage.reservations import ReservationRepository
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Tx
from shared.problems import Problem, invalid
from shared.runtime.clock import Clock

_RELEASE_EVERY = timedelta(seconds=1)
_NEVER = datetime.min.replace(tzinfo=UTC)


class AnnotationSubmission(NamedTuple):
    """The result of a submission. `repeated`: the same answers were stored before."""

    repeated: bool
    task: AnnotationTask


class AnnotationService:
    """Annotations of people. `by` is the subject of the person in every method."""

    def __init__(self, store: SqlStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._released: dict[QueueKey, datetime] = {}
        """When the expired reservations of a queue were ended last, by this instance."""

    async def reserve(self, key: QueueKey, by: str) -> ReservedTask | None:
        """Return a task for a person: the one that the person holds, or else the next one, which is reserved.

        None: every task has its annotators, or was done or skipped by the person. Raises Problem 404.
        """
        now = self._clock.now()
        is_due = now - self._released.get(key, _NEVER) >= _RELEASE_EVERY
        if is_due:
            await self._release_expired(key, by, now)
        found = await self._reserve_next(key, by, now)
        if found is not None or is_due:
            return found
        await self._release_expired(key, by, now)
        return await self._reserve_next(key, by, now)

    async def _release_expired(self, key: QueueKey, by: str, now: datetime) -> None:
        async with self._store.begin() as tx:
            queue = await get_queue(tx.conn, key)
            await ReservationRepository(tx.conn, queue.id, by).release_expired(now)
        self._released[key] = now

    async def _reserve_next(self, key: QueueKey, by: str, now: datetime) -> ReservedTask | None:
        async with self._store.begin() as tx:
            queue = await get_queue(tx.conn, key)
            lasts = timedelta(minutes=queue.settings.reservation_minutes)
            return await ReservationRepository(tx.conn, queue.id, by).reserve_next(now, lasts)

    async def submit(
        self, key: QueueKey, task_id: UUID, token: UUID, given: Mapping[str, object], by: str
    ) -> AnnotationSubmission:
        """Store a person's answers. The last one of a task decides its outcome.

        Raises Problem 404, 422 for wrong answers, or 409 if the reservation has ended or other answers are stored.
        """
        async with self._store.begin() as tx:
            queue, now = await get_queue(tx.conn, key), self._clock.now()
            answers = _checked(queue, given)
            reservations = ReservationRepository(tx.conn, queue.id, by)
            outcome = judge_submission(await reservations.lock(task_id), token, answers, now)
            task = await _lock_task(tx, queue, task_id)
            if outcome == "lost":
                raise _reservation_ended()
            if outcome == "changed":
                raise Problem(409, "annotation-exists", "You have annotated this task already, with other answers")
            if outcome == "accepted":
                await reservations.submit(task_id, answers, now)
                await _decide_complete(tx, queue, task, now)
            return AnnotationSubmission(outcome == "repeated", await _lock_task(tx, queue, task_id))

    async def correct(self, key: QueueKey, task_id: UUID, given: Mapping[str, object], by: str) -> AnnotationTask:
        """Replace the answers that a person submitted; what was answered before is kept, and the outcome is new.

        Raises Problem 404, 422 for wrong answers, or 409 if the task is decided.
        """
        async with self._store.begin() as tx:
            queue, now = await get_queue(tx.conn, key), self._clock.now()
            answers = _checked(queue, given)
            found = await ReservationRepository(tx.conn, queue.id, by).lock(task_id)
            task = await _lock_task(tx, queue, task_id)
            if found is None or found.answers is None:
                raise Problem(404, "unknown-annotation", "You have not annotated this task")
            if found.answers == answers:
                return task
            if not task.is_correctable:
                raise Problem(409, "task-decided", "This task is decided, so its annotations stay as they are")
            corrections = AnnotationCorrectionRepository(tx.conn, queue.id)
            await corrections.save(task_id, by, found.answers, answers, now, task.state == "open")
            await _decide_complete(tx, queue, task, now)
            return await _lock_task(tx, queue, task_id)

    async def skip(self, key: QueueKey, task_id: UUID, token: UUID, by: str) -> None:
        """Give back a task that the person does not want to answer. Others may answer it. Raises Problem 404 or 409."""
        async with self._store.begin() as tx:
            queue, now = await get_queue(tx.conn, key), self._clock.now()
            reservations = ReservationRepository(tx.conn, queue.id, by)
            outcome = judge_skip(await reservations.lock(task_id), token, now)
            await _lock_task(tx, queue, task_id)
            if outcome == "lost":
                raise _reservation_ended()
            if outcome == "accepted":
                await reservations.skip(task_id, now)

    async def adjudicate(self, key: QueueKey, task_id: UUID, given: Mapping[str, object], by: str) -> AnnotationTask:
        """Decide the questions that annotators disagree about, as a person who has not annotated the task.

        Raises Problem 404, 422, 403 for an annotator of the task, or 409 if there is no disagreement.
        """
        async with self._store.begin() as tx:
            queue = await get_queue(tx.conn, key)
            task = await _lock_task(tx, queue, task_id)
            decided = _checked_decision(queue, task, given)
            if task.state == "adjudicated" and task.decided_by == by and task.outcome == {**task.outcome, **decided}:
                return task
            if task.state != "disagreement":
                raise Problem(409, "no-disagreement", "There is no disagreement to decide", f"the task is {task.state}")
            annotations = AnnotationRepository(tx.conn, queue.id)
            if await annotations.has_annotated(task_id, by):
                raise Problem(403, "own-annotation", "You have annotated this task: another person must decide")
            outcome = {**task.outcome, **decided}
            tasks, now = AnnotationTaskRepository(tx.conn, queue.id), self._clock.now()
            await tasks.save_outcome(task_id, "adjudicated", outcome, task.disputed, now, by)
            ratings = metric_ratings(queue.settings.rubric, await annotations.list_answers(task_id), outcome)
            await tasks.save_ratings(key, task, ratings)
            return await _lock_task(tx, queue, task_id)


async def _decide_complete(tx: Tx, queue: AnnotationQueue, task: AnnotationTask, now: datetime) -> None:
    """Save the outcome of a task if it has all its annotations."""
    annotations = await AnnotationRepository(tx.conn, queue.id).list_answers(task.id)
    if len(annotations) < task.needed:
        return
    consensus = find_consensus(queue.settings.rubric, annotations)
    tasks = AnnotationTaskRepository(tx.conn, queue.id)
    await tasks.save_outcome(task.id, consensus.state, consensus.ratings, consensus.disputed, now)
    if not consensus.disputed:
        ratings = metric_ratings(queue.settings.rubric, annotations, consensus.ratings)
        await tasks.save_ratings(queue.key, task, ratings)


async def _lock_task(tx: Tx, queue: AnnotationQueue, task_id: UUID) -> AnnotationTask:
    task = await AnnotationTaskRepository(tx.conn, queue.id).lock(task_id)
    if task is None:
        raise unknown_task()
    return task


def _checked(queue: AnnotationQueue, given: Mapping[str, object]) -> Answers:
    try:
        return check_answers(queue.settings.rubric, given)
    except RubricError as error:
        raise invalid(error.field, error.reason) from None


def _checked_decision(queue: AnnotationQueue, task: AnnotationTask, given: Mapping[str, object]) -> Answers:
    """Return the answers to exactly the disputed questions."""
    disputed = [replace(it, required=True) for it in queue.settings.rubric if it.name in task.disputed]
    try:
        return check_answers(disputed, given) if disputed else {}
    except RubricError as error:
        raise invalid(error.field, error.reason) from None


def _reservation_ended() -> Problem:
    return Problem(
        409, "reservation-ended", "You don't hold this task any more",
        "the reservation expired, was given back, or has another token: take the next task",
    )  # fmt: skip


def unknown_task() -> Problem:
    """Return the Problem for an unknown task."""
    return Problem(404, "unknown-task", "This queue has no such task")
