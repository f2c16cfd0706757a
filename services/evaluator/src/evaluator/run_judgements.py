"""Scores of judges for the answers of an evaluation: from the queue of judgements, which keeps those of equal texts."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from evaluator.domain.evaluation_run import EvaluationRun
from evaluator.domain.online_judgements import NewJudgement, TargetScopeKey
from evaluator.domain.run_progress import AnswerKey
from evaluator.storage.judgements import JudgementRepository, JudgementResult
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluators.definition import EvaluatorScore
from ratchet_evaluation.domain.judges.agreement_with_people import (
    JudgeFigures,
    failed_score,
    known_score,
    unknown_score,
)
from ratchet_evaluation.domain.judges.judged_text import JudgedText, judged_text
from shared.events import derived_id

_PRIORITY = 1.5
"""Before executions, after anchors."""
Results = Mapping[UUID, JudgementResult]
Scores = dict[AnswerKey, tuple[EvaluatorScore, ...]]


class AskedJudge(NamedTuple):
    """A judge and a text. `shared` is the id of the judgement for all evaluations, `own` for this one only."""

    figures: JudgeFigures
    judged: JudgedText
    shared: UUID
    own: UUID

    def result(self, results: Results) -> JudgementResult | None:
        """Return the final result; None if it is awaited. One that is unknown elsewhere is asked for again."""
        shared, own = results.get(self.shared), results.get(self.own)
        if shared is not None and shared.state == "known":
            return shared
        return None if own is None or own.state == "waiting" else own

    def missing(self, results: Results) -> UUID | None:
        """Return the id of the judgement that is to be queued; None if there is a result, or it is awaited."""
        if self.own in results:
            return None
        shared = results.get(self.shared)
        if shared is None:
            return self.shared
        return None if shared.state in ("known", "waiting") else self.own


async def judge_answers(
    repository: JudgementRepository,
    run: EvaluationRun,
    cases: Mapping[str, GoldenCase],
    answers: Mapping[AnswerKey, AppAnswer],
    now: datetime,
) -> Scores:
    """Return the scores of the answers that all judges have judged; queue those of the others that are missing."""
    failed = {key: answer.failure.message for key, answer in answers.items() if answer.failure}
    asked = {
        key: _asked(run, judged_text(cases[key.case_id], answer))
        for key, answer in answers.items()
        if key not in failed
    }
    ids = [id_ for found in asked.values() for each in found for id_ in (each.shared, each.own)]
    results = await repository.list_results(ids)
    missing = {
        id_: _new(run, each, id_, now)
        for found in asked.values()
        for each in found
        if (id_ := each.missing(results)) is not None
    }
    await repository.add(list(missing.values()), now)
    scores: Scores = {
        key: tuple(failed_score(each.judge, message, each.decides) for each in run.judges)
        for key, message in failed.items()
    }
    for key, found in asked.items():
        known = [(each.figures, result) for each in found if (result := each.result(results)) is not None]
        if len(known) == len(found):
            scores[key] = tuple(_score(figures, result) for figures, result in known)
    return scores


def _asked(run: EvaluationRun, judged: JudgedText) -> list[AskedJudge]:
    found = []
    for figures in run.judges:
        parts = (run.project, run.environment, figures.judge.digest, judged.digest)
        shared, own = derived_id("run-judgement", *parts), derived_id("run-judgement", *parts, str(run.id))
        found.append(AskedJudge(figures, judged, shared, own))
    return found


def _score(figures: JudgeFigures, result: JudgementResult) -> EvaluatorScore:
    if result.score is None:
        return unknown_score(figures.judge, result.reason or "unknown", figures.decides)
    return known_score(figures.judge, result.score, figures.decides)


def _new(run: EvaluationRun, asked: AskedJudge, id_: UUID, now: datetime) -> NewJudgement:
    scope, judge = TargetScopeKey(run.project, run.environment, run.target), asked.figures.judge
    return NewJudgement(id_, scope, judge.name, judge.digest, "run", asked.judged, now, _PRIORITY, evaluation_id=run.id)
