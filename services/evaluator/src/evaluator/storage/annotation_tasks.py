"""SQL of annotation tasks: their content, state and outcome."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.annotation_queues import AnnotationTask, NewTask, QueueKey, TaskContent
from evaluator.domain.consensus import AnnotationState, MetricRating
from evaluator.domain.rubric import Answers
from evaluator.storage.annotation_tables import annotation_outcomes, annotation_queues, annotation_tasks

_T, _Q, _O = annotation_tasks.c, annotation_queues.c, annotation_outcomes.c
_CHUNK = 500
"""Rows of a statement."""


class AnnotationTaskRepository:
    """Tasks of one queue, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection, queue_id: UUID) -> None:
        self._conn = conn
        self._queue_id = queue_id

    async def list_known(self, digests: Sequence[str]) -> set[str]:
        """Return those of these digests that the queue has."""
        known = select(_T.digest).where(_T.queue_id == self._queue_id, _T.digest.in_(digests))
        return set(await self._conn.scalars(known))

    async def add(self, tasks: Sequence[NewTask], needed: int, at: datetime, by: str) -> None:
        """Save tasks, in their order, at the end of a locked queue."""
        raised = update(annotation_queues).where(_Q.id == self._queue_id)
        last = await self._conn.scalar(
            raised.values(last_position=_Q.last_position + len(tasks)).returning(_Q.last_position)
        )
        first = int(last or 0) - len(tasks) + 1
        shared = {"queue_id": self._queue_id, "needed": needed, "added_at": at, "added_by": by}
        rows = [
            {**shared, "id": uuid4(), "position": first + i, "digest": task.digest, **_columns(task.content)}
            for i, task in enumerate(tasks)
        ]
        for start in range(0, len(rows), _CHUNK):
            await self._conn.execute(insert(annotation_tasks).values(rows[start : start + _CHUNK]))

    async def get_last_position(self) -> int:
        """Return the number of tasks that the queue has: positions count from 1."""
        query = select(_Q.last_position).where(_Q.id == self._queue_id)
        return int(await self._conn.scalar(query) or 0)

    async def get(self, task_id: UUID) -> AnnotationTask | None:
        """Return a task; None if the queue has none of this id."""
        return await self._first(select(annotation_tasks).where(_T.id == task_id, _T.queue_id == self._queue_id))

    async def lock(self, task_id: UUID) -> AnnotationTask | None:
        """Return a task, which no other transaction can change until this one ends."""
        mine = select(annotation_tasks).where(_T.id == task_id, _T.queue_id == self._queue_id)
        return await self._first(mine.with_for_update())

    async def list_tasks(self, state: AnnotationState, after: int, limit: int) -> list[AnnotationTask]:
        """Return the tasks of a state that follow the position `after`, in their order."""
        mine = select(annotation_tasks).where(_T.queue_id == self._queue_id, _T.state == state, _T.position > after)
        return [_task(row) for row in await self._conn.execute(mine.order_by(_T.position).limit(limit))]

    async def list_closed(self, after: int, limit: int) -> list[AnnotationTask]:
        """Return the tasks with all their annotations that follow the position `after`, in their order."""
        mine = select(annotation_tasks).where(_T.queue_id == self._queue_id, _T.state != "open", _T.position > after)
        return [_task(row) for row in await self._conn.execute(mine.order_by(_T.position).limit(limit))]

    async def save_outcome(
        self, task_id: UUID, state: AnnotationState, outcome: Answers, disputed: Sequence[str], at: datetime,
        by: str | None = None,
    ) -> None:  # fmt: skip
        """Save the outcome of a task; `by` is the expert who decided."""
        values = {"state": state, "outcome": dict(outcome), "disputed": list(disputed), "decided_at": at}
        await self._conn.execute(update(annotation_tasks).where(_T.id == task_id).values(**values, decided_by=by))

    async def save_ratings(self, key: QueueKey, task: AnnotationTask, ratings: Sequence[MetricRating]) -> None:
        """Save the ratings of an execution that a task with an outcome gives; those of before are replaced."""
        if task.content.execution_id is None:
            return
        await self._conn.execute(delete(annotation_outcomes).where(_O.task_id == task.id))
        shared = {
            "project": key.project,
            "environment": key.environment,
            "task_id": task.id,
            "execution_id": task.content.execution_id,
        }
        if ratings:
            await self._conn.execute(
                insert(annotation_outcomes).values([{**shared, **rating._asdict()} for rating in ratings])
            )

    async def _first(self, query: Select[Any]) -> AnnotationTask | None:
        row = (await self._conn.execute(query)).first()
        return None if row is None else _task(row)


def content_of(execution_id: str | None, content: Mapping[str, Any]) -> TaskContent:
    """Return the content of a stored task."""
    return TaskContent(
        execution_id, content["input"], content["output"], tuple(content["contexts"]), content["consent"]
    )


def _columns(content: TaskContent) -> dict[str, Any]:
    document = {
        "input": content.input,
        "output": content.output,
        "contexts": [dict(context) for context in content.contexts],
        "consent": None if content.consent is None else dict(content.consent),
    }
    return {"execution_id": content.execution_id, "content": document}


def _task(row: Row[Any]) -> AnnotationTask:
    return AnnotationTask(
        row.id, row.position, content_of(row.execution_id, row.content), row.needed, row.state, row.outcome,
        tuple(row.disputed), row.decided_at, row.decided_by,
    )  # fmt: skip
