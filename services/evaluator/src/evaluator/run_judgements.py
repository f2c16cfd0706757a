"""Scores of judges for the answers of an evaluation: from the queue of judgements, which keeps those of equal texts."""

from collections.abc import Iterable, Mapping, Sequence
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
from ratchet_evaluation.domain.judges.spend import BUDGET_USED_UP
from shared.events import derived_id

_PRIORITY = 1.5
"""Before executions, after anchors."""
Results = Mapping[UUID, JudgementResult]
Scores = dict[AnswerKey, tuple[EvaluatorScore, ...]]


class JudgedAnswers(NamedTuple):
    """Scores of answers that all judges have judged; the number of others; the first limit that was reached."""

    scores: Scores
    pending: int
    used_up: str | None


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

    def is_awaited(self, results: Results) -> bool:
        """Return whether the answer waits for the judge. None waits for a judge that was dropped."""
        return self.figures.dropped is None and self.result(results) is None

    def score(self, results: Results) -> EvaluatorScore | None:
        """Return the score; None without a result, which is not an unknown one: the judge was not asked."""
        figures, found = self.figures, self.result(results)
        if found is None:
            return None
        if found.score is not None:
            return known_score(figures.judge, found.score, figures.decides)
        if figures.dropped is not None and found.state == "dropped":
            return None
        return unknown_score(figures.judge, found.reason or "unknown", figures.decides)

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
) -> JudgedAnswers:
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
        if each.figures.dropped is None and (id_ := each.missing(results)) is not None
    }
    await repository.add(list(missing.values()), now)
    scores: Scores = {
        key: tuple(failed_score(each.judge, message, each.decides) for each in run.judges if each.dropped is None)
        for key, message in failed.items()
    }
    for key, found in asked.items():
        if not any(each.is_awaited(results) for each in found):
            scores[key] = tuple(score for each in found if (score := each.score(results)) is not None)
    return JudgedAnswers(scores, len(answers) - len(scores), _used_up(asked.values(), results))


def _used_up(asked: Iterable[Sequence[AskedJudge]], results: Results) -> str | None:
    """Return which limit was reached; None if none was."""
    found = (each.result(results) for judges in asked for each in judges if each.figures.decides)
    reasons = (result.reason for result in found if result is not None and result.reason is not None)
    return next((reason for reason in reasons if reason.startswith(BUDGET_USED_UP)), None)


def _asked(run: EvaluationRun, judged: JudgedText) -> list[AskedJudge]:
    found = []
    for figures in run.judges:
        parts = (run.project, run.environment, figures.judge.digest, judged.digest)
        shared, own = derived_id("run-judgement", *parts), derived_id("run-judgement", *parts, str(run.id))
        found.append(AskedJudge(figures, judged, shared, own))
    return found


def _new(run: EvaluationRun, asked: AskedJudge, id_: UUID, now: datetime) -> NewJudgement:
    scope, judge = TargetScopeKey(run.project, run.environment, run.target), asked.figures.judge
    return NewJudgement(id_, scope, judge.name, judge.digest, "run", asked.judged, now, _PRIORITY, evaluation_id=run.id)
