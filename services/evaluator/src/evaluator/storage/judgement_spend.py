"""Summaries of judgements: counts, reasons and spend."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.online_judgements import TargetScopeKey
from ratchet_evaluation.domain.judges.spend import JudgeSpend

_SPEND = """SELECT count(*) FILTER (WHERE state = 'known') AS known,
     count(*) FILTER (WHERE state = 'unknown') AS unknown,
     count(*) FILTER (WHERE state = 'dropped') AS dropped,
     coalesce(sum(calls), 0) AS calls, coalesce(sum(input_tokens), 0) AS input_tokens,
     coalesce(sum(output_tokens), 0) AS output_tokens, sum(usd) AS usd
   FROM evaluator.judgements WHERE judged_at >= :since"""


class JudgementCounts(NamedTuple):
    """Judgements since a time by result, and what they used."""

    known: int
    unknown: int
    dropped: int
    spend: JudgeSpend


class JudgementSpendRepository:
    """Sums over judgements, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def count_waiting(self, scope: TargetScopeKey) -> int:
        """Return the number of texts of a target that wait."""
        statement = text(
            """SELECT count(*) FROM evaluator.judgements WHERE state = 'waiting' AND project = :project
               AND environment = :environment AND target = :target"""
        )
        return int(await self._conn.scalar(statement, scope_columns(scope)) or 0)

    async def last_judged_at(self, scope: TargetScopeKey) -> datetime | None:
        """Return when a text of a target was judged or dropped last, of the results that are kept."""
        statement = text(
            """SELECT max(judged_at) FROM evaluator.judgements WHERE project = :project AND environment = :environment
               AND target = :target"""
        )
        found: datetime | None = await self._conn.scalar(statement, scope_columns(scope))
        return found

    async def count_of_target(self, scope: TargetScopeKey, since: datetime) -> JudgementCounts:
        """Return the results of a target since a time."""
        mine = " AND project = :project AND environment = :environment AND target = :target"
        return await self._counts(mine, {**scope_columns(scope), "since": since})

    async def count_of_judge(self, project: str, environment: str, digest: str, since: datetime) -> JudgementCounts:
        """Return the results of a judge since a moment."""
        given = {"project": project, "environment": environment, "digest": digest, "since": since}
        return await self._counts(" AND project = :project AND environment = :environment AND digest = :digest", given)

    async def list_reasons(self, scope: TargetScopeKey, since: datetime) -> list[dict[str, Any]]:
        """Return the reasons of a target's unknown scores since a time, the most frequent first."""
        statement = text(
            """SELECT reason, count(*) AS n FROM evaluator.judgements WHERE state = 'unknown' AND judged_at >= :since
               AND project = :project AND environment = :environment AND target = :target
               GROUP BY reason ORDER BY n DESC, reason LIMIT 5"""
        )
        rows = await self._conn.execute(statement, {**scope_columns(scope), "since": since})
        return [{"reason": row.reason, "n": row.n} for row in rows]

    async def spend_of_evaluation(self, evaluation_id: UUID) -> JudgeSpend:
        """Return what the judges of an evaluation used."""
        statement = text(
            """SELECT coalesce(sum(calls), 0) AS calls, coalesce(sum(input_tokens), 0) AS input_tokens,
                 coalesce(sum(output_tokens), 0) AS output_tokens, sum(usd) AS usd
               FROM evaluator.judgements WHERE evaluation_id = :id"""
        )
        row = (await self._conn.execute(statement, {"id": evaluation_id})).one()
        return JudgeSpend(row.calls, row.input_tokens, row.output_tokens, row.usd)

    async def _counts(self, where: str, given: dict[str, Any]) -> JudgementCounts:
        row = (await self._conn.execute(text(_SPEND + where), given)).one()
        spend = JudgeSpend(row.calls, row.input_tokens, row.output_tokens, row.usd)
        return JudgementCounts(row.known, row.unknown, row.dropped, spend)


def scope_columns(scope: TargetScopeKey) -> dict[str, Any]:
    """Return the parameters of a target."""
    return {"project": scope.project, "environment": scope.environment, "target": scope.target}
