"""Annotations that people submitted, and the ratings of executions that follow from them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import BigInteger, Text, column, func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from evaluator.domain.annotation_queues import SubmittedAnnotation
from evaluator.domain.annotation_results import AnswerPattern
from evaluator.domain.rubric import Answers
from evaluator.storage.annotation_tables import annotation_outcomes, annotations

_A, _O = annotations.c, annotation_outcomes.c
_PATTERNS = text(
    """SELECT question, answers, decided, count(*) AS tasks FROM (
         SELECT q.name AS question, jsonb_object_agg(a.annotator, a.given -> q.name) AS answers,
           CASE WHEN t.state = 'adjudicated' AND q.name = ANY(t.disputed) THEN t.outcome -> q.name END AS decided
         FROM evaluator.annotation_tasks t
           JOIN LATERAL (
             SELECT annotator, coalesce(blind_answers, answers) AS given FROM evaluator.annotations
             WHERE task_id = t.id AND state = 'submitted') a ON true
           CROSS JOIN unnest(CAST(:questions AS text[])) q(name)
         WHERE t.queue_id = :queue_id AND t.state <> 'open' AND jsonb_exists(a.given, q.name)
         GROUP BY t.id, q.name) found
       GROUP BY question, answers, decided"""
).columns(column("question", Text), column("answers", JSONB), column("decided", JSONB), column("tasks", BigInteger))


class ConsensusRating(NamedTuple):
    """What people agreed on, or an expert decided: `value` of 0 to 1, which rests on `annotators` annotations."""

    execution_id: str
    value: float
    annotators: int


async def load_consensus(
    session: AsyncConnection | AsyncSession, project: str, environment: str, metric: str
) -> list[ConsensusRating]:
    """Return the ratings of a metric by execution, in the order of their ids.

    0 is the lower end of the question's scale (thumb down) and 1 the upper end (thumb up), whatever the metric's
    direction. Open and disputed tasks are left out. Where an execution is a task of several queues, the value is their
    mean, weighted by annotators.
    """
    weighted = func.sum(_O.value * _O.annotators) / func.sum(_O.annotators)
    query = (
        select(_O.execution_id, weighted.label("value"), func.sum(_O.annotators).label("annotators"))
        .where(_O.project == project, _O.environment == environment, _O.metric == metric)
        .group_by(_O.execution_id)
        .order_by(_O.execution_id)
    )
    return [
        ConsensusRating(row.execution_id, float(row.value), int(row.annotators)) for row in await session.execute(query)
    ]


class AnnotationRepository:
    """Submitted annotations of one queue, on `conn`."""

    def __init__(self, conn: AsyncConnection, queue_id: UUID) -> None:
        self._conn = conn
        self._queue_id = queue_id

    async def list_answers(self, task_id: UUID) -> list[Answers]:
        """Return the answers to a task, in the order in which they were submitted."""
        mine = select(_A.answers).where(_A.task_id == task_id, _A.state == "submitted")
        return list(await self._conn.scalars(mine.order_by(_A.ended_at, _A.annotator)))

    async def has_annotated(self, task_id: UUID, annotator: str) -> bool:
        """Return whether a person has submitted answers to a task."""
        mine = (_A.task_id == task_id, _A.annotator == annotator, _A.state == "submitted")
        return (await self._conn.execute(select(_A.task_id).where(*mine))).first() is not None

    async def list_annotations(self, task_ids: Sequence[UUID]) -> Mapping[UUID, list[SubmittedAnnotation]]:
        """Return the annotations of tasks, by task, in the order in which they were submitted."""
        found: dict[UUID, list[SubmittedAnnotation]] = defaultdict(list)
        query = select(annotations).where(_A.task_id.in_(task_ids), _A.state == "submitted")
        for row in await self._conn.execute(query.order_by(_A.ended_at, _A.annotator)):
            annotation = SubmittedAnnotation(row.task_id, row.annotator, row.answers, row.reserved_at, row.ended_at)
            found[row.task_id].append(annotation)
        return found

    async def list_patterns(self, questions: Sequence[str]) -> list[AnswerPattern]:
        """Return how often each combination of answers occurs in the tasks that have all their annotations."""
        rows = await self._conn.execute(_PATTERNS, {"queue_id": self._queue_id, "questions": list(questions)})
        return [AnswerPattern(row.question, row.answers, row.decided, row.tasks) for row in rows]
