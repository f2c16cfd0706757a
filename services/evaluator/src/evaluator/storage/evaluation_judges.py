"""SQL of the judges of evaluations: when it waits for them, and that they were dropped."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.storage.evaluations import DueRun, is_running
from evaluator.storage.run_tables import evaluations
from ratchet_evaluation.domain.judges.agreement_with_people import JudgeFigures
from ratchet_evaluation.domain.settings import RunSettings


class EvaluationJudgeRepository:
    """The judges of evaluations, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save_judges(self, evaluation_id: UUID, judges: Sequence[JudgeFigures], settings: RunSettings) -> None:
        """Save the judges of an evaluation that starts, and its settings with them."""
        values = {"judges": [each.stored() for each in judges], "settings": settings.to_json()}
        await self._conn.execute(update(evaluations).where(evaluations.c.id == evaluation_id).values(values))

    async def save_judge_deadline(self, evaluation_id: UUID, deadline: datetime) -> datetime:
        """Save until when an evaluation waits for its judges, unless it is saved already; return it."""
        mine = update(evaluations).where(evaluations.c.id == evaluation_id)
        saved = mine.values(judge_deadline=func.coalesce(evaluations.c.judge_deadline, deadline))
        found: datetime = (await self._conn.execute(saved.returning(evaluations.c.judge_deadline))).scalar_one()
        return found

    async def drop_judges(self, run: DueRun, judges: Sequence[JudgeFigures], reason: str) -> bool:
        """Count a running evaluation again, without judges; return False if it ended or another instance did so."""
        values = {"judges": [each.stored() for each in judges], "judges_dropped": reason, "counted": 0}
        dropped = update(evaluations).where(is_running(run)).values(**values, decided=False)
        return (await self._conn.execute(dropped)).rowcount == 1
