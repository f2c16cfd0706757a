"""SQL of annotation queues."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.annotation_queues import AnnotationQueue, QueueKey, QueueProgress, QueueSettings
from evaluator.domain.rubric_document import rubric_from_json, rubric_to_json
from evaluator.storage.annotation_tables import annotation_progress, annotation_queues, annotation_tasks

_Q, _T = annotation_queues.c, annotation_tasks.c


class AnnotationQueueRepository:
    """Queues, read and written in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def create(self, queue: AnnotationQueue) -> bool:
        """Save a new queue. Return False, and save nothing, if there is one of this name."""
        key = {"id": queue.id, **queue.key._asdict(), "target": queue.target}
        row = upsert(annotation_queues).values(
            **key, **_settings(queue.settings), created_at=queue.created_at, created_by=queue.created_by
        )
        return (await self._conn.execute(row.on_conflict_do_nothing().returning(_Q.id))).first() is not None

    async def change(self, queue_id: UUID, settings: QueueSettings) -> None:
        """Replace the settings of a queue."""
        await self._conn.execute(update(annotation_queues).where(_Q.id == queue_id).values(_settings(settings)))

    async def count(self, project: str, environment: str) -> int:
        """Return the number of queues of an environment."""
        own = _Q.project == project, _Q.environment == environment
        return int(await self._conn.scalar(select(func.count()).select_from(annotation_queues).where(*own)) or 0)

    async def get(self, key: QueueKey) -> AnnotationQueue | None:
        """Return a queue; None if there is none of this name."""
        return await self._first(select(annotation_queues).where(_is_queue(key)))

    async def lock(self, key: QueueKey) -> AnnotationQueue | None:
        """Return a queue, which no other transaction can lock until this one ends."""
        return await self._first(select(annotation_queues).where(_is_queue(key)).with_for_update())

    async def list_queues(
        self, project: str, environment: str, target: str | None, after: str, limit: int
    ) -> list[AnnotationQueue]:
        """Return the queues by name, of one target or of all, that follow the name `after`."""
        query = select(annotation_queues).where(_Q.project == project, _Q.environment == environment, _Q.name > after)
        if target is not None:
            query = query.where(_Q.target == target)
        return [_queue(row) for row in await self._conn.execute(query.order_by(_Q.name).limit(limit))]

    async def count_tasks(self, queue_ids: Sequence[UUID]) -> dict[UUID, QueueProgress]:
        """Return the number of tasks of each queue by state."""
        found: dict[UUID, dict[str, int]] = {queue_id: {} for queue_id in queue_ids}
        columns = (_T.queue_id, _T.state, func.count().label("tasks"), func.sum(_T.position).label("positions"))
        query = select(*columns).where(_T.queue_id.in_(queue_ids)).group_by(_T.queue_id, _T.state)
        for row in await self._conn.execute(query):
            counts = found[row.queue_id]
            counts[row.state] = row.tasks
            if row.state != "open":
                counts["closed_positions"] = counts.get("closed_positions", 0) + int(row.positions)
        return {queue_id: QueueProgress(**counts) for queue_id, counts in found.items()}

    async def has_begun(self, queue_id: UUID) -> bool:
        """Return whether somebody has reserved a task of the queue."""
        begun = select(annotation_progress.c.annotator).where(annotation_progress.c.queue_id == queue_id)
        return (await self._conn.execute(begun.limit(1))).first() is not None

    async def _first(self, query: Select[Any]) -> AnnotationQueue | None:
        row = (await self._conn.execute(query)).first()
        return None if row is None else _queue(row)


def _is_queue(key: QueueKey) -> ColumnElement[bool]:
    return and_(_Q.project == key.project, _Q.environment == key.environment, _Q.name == key.name)


def _settings(settings: QueueSettings) -> dict[str, Any]:
    return {
        "instructions": settings.instructions,
        "rubric": rubric_to_json(settings.rubric),
        "annotators": settings.annotators,
        "reservation_minutes": settings.reservation_minutes,
    }


def _queue(row: Row[Any]) -> AnnotationQueue:
    settings = QueueSettings(row.instructions, rubric_from_json(row.rubric), row.annotators, row.reservation_minutes)
    key = QueueKey(row.project, row.environment, row.name)
    return AnnotationQueue(row.id, key, row.target, settings, row.created_at, row.created_by)
