"""Agreement of judges with people: by judge and segment, computed once for the same labels."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.online_judgements import RegisteredJudge
from evaluator.storage.annotations import load_consensus
from evaluator.storage.judgements import JudgementRepository
from ratchet_evaluation.domain.judges.agreement_with_people import JudgeFigures, measure_agreement
from ratchet_evaluation.domain.statistics.agreement import Agreement

_MOST_PAIRS = 1000
_FEWEST = 10
"""Labels that a segment must have to be shown."""
_KEPT = 200
Label = tuple[str, float, float]
"""Segment, people's value, the judge's score."""


@dataclass(frozen=True, slots=True)
class SegmentAgreement:
    """The agreement in one segment."""

    segment: str
    agreement: Agreement


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """Agreement of a judge with people over all segments, and in each that has enough labels."""

    figures: JudgeFigures
    segments: tuple[SegmentAgreement, ...]


class JudgeFiguresService:
    """Measures agreement. Annotators' consensus about an execution takes the place of its feedback."""

    def __init__(self) -> None:
        self._found: OrderedDict[tuple[str, tuple[Label, ...]], JudgeAgreement] = OrderedDict()

    async def get_agreement(self, conn: AsyncConnection, judge: RegisteredJudge) -> JudgeAgreement:
        """Return the agreement of a judge's current digest with people, from the latest 1,000 labels."""
        labels = await _labels(conn, judge)
        key = (f"{judge.definition.digest} {judge.definition.threshold} {judge.definition.min_kappa}", labels)
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = await asyncio.to_thread(_measure, judge, labels)
            while len(self._found) > _KEPT:
                self._found.popitem(last=False)
        return found


async def _labels(conn: AsyncConnection, judge: RegisteredJudge) -> tuple[Label, ...]:
    scope = (judge.project, judge.environment)
    consensus = {each.execution_id: each.value for each in await load_consensus(conn, *scope, judge.people_metric)}
    pairs = await JudgementRepository(conn).list_pairs(*scope, judge.definition.digest, list(consensus), _MOST_PAIRS)
    found = []
    for pair in pairs:
        people = consensus.get(pair.execution_id, pair.people)
        if people is not None:
            found.append((pair.segment, people, pair.score))
    return tuple(found)


def _measure(judge: RegisteredJudge, labels: tuple[Label, ...]) -> JudgeAgreement:
    whole = measure_agreement(judge.definition, [(people, score) for _, people, score in labels]) if labels else None
    segments = []
    for segment in sorted({segment for segment, _, _ in labels}):
        own = [(people, score) for name, people, score in labels if name == segment]
        if segment and len(own) >= _FEWEST:
            segments.append(SegmentAgreement(segment, measure_agreement(judge.definition, own)))
    return JudgeAgreement(JudgeFigures(judge.definition, whole), tuple(segments))
