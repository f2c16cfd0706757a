"""The budgets of judges: what is used, and what calls that run may use, of all instances together."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.online_judgements import NewJudgement
from evaluator.storage.judge_tables import judgements
from ratchet_evaluation.domain.judges.spend import JudgeSpend

_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('evaluator.judge_budget'))")
# What the judgement itself holds is in its ledger; what an earlier attempt at it used is not.
_USED = """SELECT coalesce(sum(calls), 0) + coalesce(sum(held_calls) FILTER (WHERE id <> :id), 0) AS calls,
       coalesce(sum(input_tokens + output_tokens), 0)
         + coalesce(sum(held_tokens) FILTER (WHERE id <> :id), 0) AS tokens,
       coalesce(sum(usd), 0) + coalesce(sum(held_usd) FILTER (WHERE id <> :id), 0) AS usd,
       coalesce(sum(held_calls) FILTER (WHERE id <> :id), 0) > 0 AS running
     FROM evaluator.judgements WHERE """
_TODAY = "(judged_at >= :today OR state = 'waiting')"
_OF_TARGET = f"{_TODAY} AND project = :project AND environment = :environment AND target = :target"


class UsedBudget(NamedTuple):
    """What was used, or other judgements hold; `running`: some of it may be given back."""

    spend: JudgeSpend
    running: bool


class JudgeBudgetRepository:
    """Used and held budgets, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def lock(self) -> None:
        """Wait for other reservations; the lock ends with the transaction."""
        await self._conn.execute(_LOCK)

    async def sum_used(self, mine: NewJudgement, today: datetime) -> tuple[UsedBudget, UsedBudget]:
        """Return what was used of the evaluation or target of a judgement, and of the day, by others and earlier."""
        scope = mine.scope
        given = {
            "id": mine.id, "today": today, "project": scope.project, "environment": scope.environment,
            "target": scope.target, "evaluation": mine.evaluation_id,
        }  # fmt: skip
        own = _OF_TARGET if mine.evaluation_id is None else "evaluation_id = :evaluation"
        return await self._used(own, given), await self._used(_TODAY, given)

    async def hold(self, judgement_id: UUID, most: JudgeSpend) -> None:
        """Hold the most that a judgement may have used after its next call."""
        mine = judgements.update().where(judgements.c.id == judgement_id, judgements.c.state == "waiting")
        await self._conn.execute(mine.values(held_calls=most.calls, held_tokens=most.tokens, held_usd=most.usd))

    async def _used(self, where: str, given: dict[str, object]) -> UsedBudget:
        row = (await self._conn.execute(text(_USED + where), given)).one()
        return UsedBudget(JudgeSpend(row.calls, int(row.tokens), 0, row.usd), row.running)
