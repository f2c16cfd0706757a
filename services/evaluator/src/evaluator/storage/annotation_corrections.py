"""Corrections of annotations: what a person may correct, and what was answered before."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.annotation_queues import OwnAnnotation, ReplacedAnswers
from evaluator.domain.rubric import Answers
from evaluator.storage.annotation_tables import annotation_corrections, annotation_tasks, annotations
from evaluator.storage.annotation_tasks import content_of

_A, _T, _C = annotations.c, annotation_tasks.c, annotation_corrections.c


class AnnotationCorrectionRepository:
    """Corrections of annotations of one queue, on `conn`."""

    def __init__(self, conn: AsyncConnection, queue_id: UUID) -> None:
        self._conn = conn
        self._queue_id = queue_id

    async def list_own(self, annotator: str, limit: int) -> list[OwnAnnotation]:
        """Return the annotations that a person may correct, the latest first."""
        mine = and_(_A.queue_id == self._queue_id, _A.annotator == annotator, _A.state == "submitted")
        alone = and_(_T.state == "agreed", _T.needed == 1)
        unresolved = or_(_T.state.in_(("open", "disagreement")), alone)
        query = select(_A.task_id, _A.answers, _A.ended_at, _T.execution_id, _T.content)
        joined = query.select_from(annotations.join(annotation_tasks, _A.task_id == _T.id)).where(mine, unresolved)
        rows = await self._conn.execute(joined.order_by(_A.ended_at.desc(), _A.task_id).limit(limit))
        return [
            OwnAnnotation(row.task_id, content_of(row.execution_id, row.content), row.answers, row.ended_at)
            for row in rows
        ]

    async def save(
        self, task_id: UUID, annotator: str, before: Answers, answers: Answers, at: datetime, is_blind: bool
    ) -> None:
        """Replace the answers of an annotation that is locked, and keep those of before.

        `is_blind`: the task lacks annotations, so that nobody sees what others answered.
        """
        mine = and_(_A.task_id == task_id, _A.annotator == annotator)
        blind = {} if is_blind else {"blind_answers": func.coalesce(_A.blind_answers, _A.answers)}
        await self._conn.execute(update(annotations).where(mine).values(answers=dict(answers), **blind))
        same = and_(_C.task_id == task_id, _C.annotator == annotator)
        number = await self._conn.scalar(select(func.count()).select_from(annotation_corrections).where(same))
        row = {"task_id": task_id, "annotator": annotator, "number": number, "answers": dict(before)}
        await self._conn.execute(insert(annotation_corrections).values(**row, replaced_at=at))

    async def list_replaced(self, task_ids: Sequence[UUID]) -> Mapping[tuple[UUID, str], list[ReplacedAnswers]]:
        """Return what was answered before corrections, by task and annotator, the oldest first."""
        found: dict[tuple[UUID, str], list[ReplacedAnswers]] = defaultdict(list)
        query = select(annotation_corrections).where(_C.task_id.in_(task_ids)).order_by(_C.number)
        for row in await self._conn.execute(query):
            found[row.task_id, row.annotator].append(ReplacedAnswers(row.answers, row.replaced_at))
        return found
