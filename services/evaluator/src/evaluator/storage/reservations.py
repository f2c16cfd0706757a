"""SQL of reservations: the next task of a person, and its end. The rules are those of `evaluator.domain.reservations`.

A person goes through a queue in its order, and remembers in `annotation_progress` how far: every task before that was
done by the person, or had enough annotators when it was passed. A task that becomes free again moves to the end of the
queue. So the next task is found without looking at what the person has done already.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.annotation_queues import ReservedTask, TaskContent
from evaluator.domain.reservations import TaskReservation
from evaluator.domain.rubric import Answers
from evaluator.storage.annotation_tables import annotation_tasks, annotations
from evaluator.storage.annotation_tasks import content_of

_A, _T = annotations.c, annotation_tasks.c
_RELEASE = text(
    """WITH expired AS (
         SELECT a.task_id, a.annotator FROM evaluator.annotations a
           JOIN evaluator.annotation_tasks t ON t.id = a.task_id
         WHERE a.queue_id = :queue_id AND a.state = 'reserved' AND a.expires_at <= :now
         FOR UPDATE OF a, t SKIP LOCKED)
       DELETE FROM evaluator.annotations a USING expired e
       WHERE a.task_id = e.task_id AND a.annotator = e.annotator RETURNING a.task_id"""
)
_MOVE_TO_END = text(
    """WITH freed AS (
         SELECT task_id, count(*) AS seats, row_number() OVER (ORDER BY task_id) AS n
         FROM unnest(CAST(:task_ids AS uuid[])) task_id GROUP BY task_id),
       queue AS (
         UPDATE evaluator.annotation_queues SET last_position = last_position + (SELECT count(*) FROM freed)
         WHERE id = :queue_id RETURNING last_position - (SELECT count(*) FROM freed) AS before)
       UPDATE evaluator.annotation_tasks t SET taken = t.taken - freed.seats, position = queue.before + freed.n
       FROM freed, queue WHERE t.id = freed.task_id"""
)
_PROGRESS = text(
    """INSERT INTO evaluator.annotation_progress AS p (queue_id, annotator) VALUES (:queue_id, :annotator)
       ON CONFLICT (queue_id, annotator) DO UPDATE SET position = p.position RETURNING position"""
)
_FIND = text(
    """SELECT free.id, coalesce(free.position, q.last_position) AS position FROM evaluator.annotation_queues q
       LEFT JOIN LATERAL (
         SELECT t.id, t.position FROM evaluator.annotation_tasks t
         WHERE t.queue_id = :queue_id AND t.state = 'open' AND t.taken < t.needed AND t.position > :position
           AND NOT EXISTS (SELECT 1 FROM evaluator.annotations a WHERE a.task_id = t.id AND a.annotator = :annotator)
         ORDER BY t.position LIMIT 1) free ON true
       WHERE q.id = :queue_id"""
)
"""Without a free task the position is that of the last one, as of the same moment."""
_ADVANCE = text(
    """UPDATE evaluator.annotation_progress SET position = :position
       WHERE queue_id = :queue_id AND annotator = :annotator AND position < :position"""
)
_RESERVE = text(
    """WITH task AS (UPDATE evaluator.annotation_tasks SET taken = taken + 1 WHERE id = :task_id),
       progress AS (
         UPDATE evaluator.annotation_progress SET position = :position
         WHERE queue_id = :queue_id AND annotator = :annotator)
       INSERT INTO evaluator.annotations (task_id, annotator, queue_id, state, token, reserved_at, expires_at)
       VALUES (:task_id, :annotator, :queue_id, 'reserved', :token, :now, :until)"""
)


class ReservationRepository:
    """Reservations of one person in one queue, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection, queue_id: UUID, annotator: str) -> None:
        self._conn = conn
        self._queue_id, self._annotator = queue_id, annotator

    async def release_expired(self, now: datetime) -> None:
        """End the expired reservations of all people in the queue; their tasks are free again.

        Must be a transaction of its own: it locks several tasks, and waits for none.
        """
        freed = await self._conn.scalars(_RELEASE, {"queue_id": self._queue_id, "now": now})
        if task_ids := list(freed):
            await self._move_to_end(task_ids)

    async def get_held(self, now: datetime) -> ReservedTask | None:
        """Return the task that the person holds."""
        held = (_A.queue_id == self._queue_id, _A.annotator == self._annotator, _A.state == "reserved")
        columns = (_A.task_id, _A.token, _A.reserved_at, _A.expires_at, _T.execution_id, _T.content)
        joined = annotations.join(annotation_tasks, _A.task_id == _T.id)
        query = select(*columns).select_from(joined).where(*held, _A.expires_at > now)
        row = (await self._conn.execute(query)).first()
        return None if row is None else _reserved(row)

    async def reserve_next(self, now: datetime, lasts: timedelta) -> ReservedTask | None:
        """Reserve a task, or renew the reservation that the person has; None if no task is free for the person."""
        own = {"queue_id": self._queue_id, "annotator": self._annotator}
        # Requests of one person wait for each other here
        position = int(await self._conn.scalar(_PROGRESS, own) or 0)
        if await self._renew(now, now + lasts):
            return await self.get_held(now)
        while True:
            found = (await self._conn.execute(_FIND, {**own, "position": position})).one()
            if found.id is None:
                await self._conn.execute(_ADVANCE, {**own, "position": found.position})
                return None
            content = await self._lock_free(found.id, found.position)
            if content is not None:
                task = ReservedTask(found.id, uuid4(), content, now, now + lasts)
                await self._save(task, found.position)
                return task

    async def lock(self, task_id: UUID) -> TaskReservation | None:
        """Return what the person did with a task, locked until the end of the transaction."""
        mine = (_A.task_id == task_id, _A.annotator == self._annotator, _A.queue_id == self._queue_id)
        row = (await self._conn.execute(select(annotations).where(*mine).with_for_update())).first()
        return None if row is None else TaskReservation(row.token, row.state, row.expires_at, row.answers)

    async def submit(self, task_id: UUID, answers: Answers, at: datetime) -> None:
        """Save the answers of a reservation that is locked."""
        await self._end(task_id, state="submitted", answers=dict(answers), ended_at=at)

    async def skip(self, task_id: UUID, at: datetime) -> None:
        """End a reservation that is locked without answers; the task is free for others."""
        await self._end(task_id, state="skipped", ended_at=at)
        await self._move_to_end([task_id])

    async def _move_to_end(self, task_ids: list[UUID]) -> None:
        """Free a seat of each of these locked tasks, and let those who have passed them see them again."""
        await self._conn.execute(_MOVE_TO_END, {"queue_id": self._queue_id, "task_ids": task_ids})

    async def _lock_free(self, task_id: UUID, position: int) -> TaskContent | None:
        """Lock a task that was found free; None if it is not, or was moved meanwhile, so that another one is next."""
        free = (_T.id == task_id, _T.position == position, _T.state == "open", _T.taken < _T.needed)
        query = select(_T.execution_id, _T.content).where(*free).with_for_update()
        row = (await self._conn.execute(query)).first()
        return None if row is None else content_of(row.execution_id, row.content)

    async def _save(self, task: ReservedTask, position: int) -> None:
        own = {"queue_id": self._queue_id, "annotator": self._annotator, "position": position}
        given = {"task_id": task.task_id, "token": task.token, "now": task.reserved_at, "until": task.expires_at}
        await self._conn.execute(_RESERVE, {**own, **given})

    async def _renew(self, now: datetime, until: datetime) -> bool:
        mine = (_A.queue_id == self._queue_id, _A.annotator == self._annotator, _A.state == "reserved")
        held = update(annotations).where(*mine, _A.expires_at > now).values(expires_at=until)
        return (await self._conn.execute(held)).rowcount > 0

    async def _end(self, task_id: UUID, **values: Any) -> None:
        mine = update(annotations).where(_A.task_id == task_id, _A.annotator == self._annotator)
        await self._conn.execute(mine.values(values))


def _reserved(row: Any) -> ReservedTask:
    content = content_of(row.execution_id, row.content)
    return ReservedTask(row.task_id, row.token, content, row.reserved_at, row.expires_at)
