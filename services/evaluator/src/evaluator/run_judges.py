"""The judges of a running evaluation: they score its answers, or are dropped."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from evaluator.domain.evaluation_run import EvaluationRun
from evaluator.domain.evaluation_terms import settings_with_judges
from evaluator.domain.judge_drops import drop_judges, reason_to_drop
from evaluator.domain.run_plan import RunPlan
from evaluator.domain.run_progress import AnswerKey, RunProgress
from evaluator.run_judgements import judge_answers
from evaluator.storage.evaluation_judges import EvaluationJudgeRepository
from evaluator.storage.evaluations import DueRun
from evaluator.storage.judgements import JudgementRepository
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.golden_set import GoldenSet
from ratchet_evaluation.domain.judges.agreement_with_people import JudgeFigures
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Tx
from shared.runtime.clock import Clock


@dataclass(slots=True)
class LoadedRun:
    """A running evaluation in memory. All of it can be made again from the database."""

    run: EvaluationRun
    golden_set: GoldenSet
    plan: RunPlan
    progress: RunProgress
    judge_deadline: datetime | None = None
    drop: str | None = None
    """Why its judges are to be dropped."""

    @property
    def due(self) -> DueRun:
        assert self.run.dataset_digest is not None
        return DueRun(self.run.id, self.run.dataset_digest, self.run.judges_dropped is not None)


class ProposalJudging(Protocol):
    """Which judges decide about proposals, and how long their evaluations wait for them."""

    wait: timedelta

    async def list_judges(self, tx: Tx, run: EvaluationRun) -> tuple[JudgeFigures, ...]:
        """Return the judges of a proposal's evaluation with their agreement with people."""


class RunJudges:
    """Lets judges score the answers of evaluations. `proposals` has those of proposals' evaluations."""

    def __init__(self, store: SqlStore, clock: Clock, proposals: ProposalJudging | None) -> None:
        self._store, self._clock, self._proposals = store, clock, proposals

    async def add_judges(self, tx: Tx, run: EvaluationRun) -> EvaluationRun:
        """Return a proposal's evaluation with the judges of its target, unless it has them from an earlier start."""
        if self._proposals is None or run.proposal_id is None or run.judges:
            return run
        judges = await self._proposals.list_judges(tx, run)
        decided = any(each.decides for each in judges)
        return replace(run, judges=judges, settings=settings_with_judges(run.settings) if decided else run.settings)

    async def judge(self, tx: Tx, loaded: LoadedRun, answers: dict[AnswerKey, AppAnswer]) -> dict[AnswerKey, AppAnswer]:
        """Return the answers that the run's judges have judged, too; the others are queued for them."""
        if not loaded.run.judges or not answers:
            return answers
        cases = {case.id: case for case in loaded.golden_set.cases}
        judgements = JudgementRepository(tx.conn)
        now = self._clock.now()
        judged = await judge_answers(judgements, loaded.run, cases, answers, now)
        loaded.progress.judged.update(judged.scores)
        if loaded.run.may_drop_judges and self._proposals is not None:
            deadline = loaded.judge_deadline or loaded.run.judge_deadline
            if deadline is None:
                repository = EvaluationJudgeRepository(tx.conn)
                deadline = await repository.save_judge_deadline(loaded.run.id, now + self._proposals.wait)
            loaded.judge_deadline = deadline
            loaded.drop = reason_to_drop(judged.pending, judged.used_up, deadline, now)
        return {key: answer for key, answer in answers.items() if key in judged.scores}

    async def drop(self, loaded: LoadedRun, reason: str) -> None:
        """Count the evaluation again without its judges: their scores are shown and decide nothing."""
        run = loaded.run
        async with self._store.begin() as tx:
            judges = drop_judges(run.judges, reason)
            if await EvaluationJudgeRepository(tx.conn).drop_judges(loaded.due, judges, reason):
                await JudgementRepository(tx.conn).drop_of_evaluation(run.id, self._clock.now())
