"""The judges of proposals' evaluations: those of the target's rule, if their agreement with people is shown."""

from dataclasses import replace
from datetime import timedelta

from evaluator.domain.evaluation_run import EvaluationRun
from evaluator.judge_agreement import JudgeFiguresService
from evaluator.judge_service import JudgeService
from evaluator.storage.judges import JudgeRepository
from ratchet_evaluation.domain.judges.agreement_with_people import JudgeFigures
from shared.messaging.store import Tx


class ProposalJudges:
    """Finds the judges of a proposal's evaluation. `wait`: how long it waits for them after the first answer."""

    def __init__(self, service: JudgeService, figures: JudgeFiguresService, wait: timedelta) -> None:
        self._service, self._figures, self.wait = service, figures, wait

    async def list_judges(self, tx: Tx, run: EvaluationRun) -> tuple[JudgeFigures, ...]:
        """Return the judge of the target's rule; one that can't decide is dropped, with the reason, and not asked."""
        judge = await JudgeRepository(tx.conn).get_proposal_judge(run.project, run.environment, run.target)
        if judge is None:
            return ()
        figures = (await self._figures.get_agreement(tx.conn, judge)).figures
        if not figures.decides:
            return (replace(figures, dropped=figures.reason),)
        if not self._service.available:
            return (replace(figures, dropped="no judge's endpoint is configured (RATCHET_JUDGE_URL)"),)
        return (figures,)
