"""Agreement of the annotators of a queue. Computed once for each state of the queue, and kept in memory."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.annotation_queues import AnnotationQueue, QueueProgress
from evaluator.domain.annotation_results import (
    AnnotatorBias,
    AnswerPattern,
    QuestionAgreement,
    annotator_biases,
    question_agreements,
)
from evaluator.domain.rubric import RubricQuestion
from evaluator.storage.annotations import AnnotationRepository

_KEPT = 200
"""Queues whose results are in memory."""


@dataclass(frozen=True, slots=True)
class QueueResults:
    """Agreement by question, and how each annotator differs from the consensus."""

    agreements: tuple[QuestionAgreement, ...]
    biases: tuple[AnnotatorBias, ...]


class AgreementService:
    """Results of queues, from the tasks that have all their annotations."""

    def __init__(self) -> None:
        self._found: OrderedDict[UUID, tuple[QueueProgress, QueueResults]] = OrderedDict()

    async def get_results(self, conn: AsyncConnection, queue: AnnotationQueue, progress: QueueProgress) -> QueueResults:
        """Return the results of a queue with this progress: each change of results changes the progress, too."""
        known = self._found.get(queue.id)
        if known is not None and known[0] == progress:
            self._found.move_to_end(queue.id)
            return known[1]
        rubric = queue.settings.rubric
        names = [question.name for question in rubric if question.is_rating]
        patterns = await AnnotationRepository(conn, queue.id).list_patterns(names)
        results = await asyncio.to_thread(_results, rubric, patterns)
        self._found[queue.id] = (progress, results)
        while len(self._found) > _KEPT:
            self._found.popitem(last=False)
        return results


def _results(rubric: tuple[RubricQuestion, ...], patterns: list[AnswerPattern]) -> QueueResults:
    return QueueResults(question_agreements(rubric, patterns), annotator_biases(rubric, patterns))
