"""The queue of judgements, their scores, and what people say of the same executions."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, delete, func, or_, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.online_judgements import (
    KEPT_WAITING,
    LEASE,
    MAX_ATTEMPTS,
    JudgementState,
    NewJudgement,
    TargetScopeKey,
)
from evaluator.storage.judge_tables import judged_opinions, judgements
from evaluator.storage.judgement_spend import scope_columns
from ratchet_evaluation.domain.judges.judged_text import judged_text_from_json
from ratchet_evaluation.domain.judges.spend import JudgeSpend

_CHUNK = 500
_NOTHING_HELD: dict[str, Any] = {"held_calls": 0, "held_tokens": 0, "held_usd": None}
# What an instance held that died counts as used.
# Of a target, the segment with the fewest judgements today is next; in it, the highest priority.
_LEASE = text(
    """WITH next AS (
         SELECT j.id FROM evaluator.judgements j
         LEFT JOIN evaluator.judging_rules r
           ON (r.project, r.environment, r.target) = (j.project, j.environment, j.target)
         WHERE j.state = 'waiting' AND (j.leased_until IS NULL OR j.leased_until <= :now)
           AND (j.purpose = 'run' OR r.rate > 0
             AND NOT (j.project || E'\\x1f' || j.environment || E'\\x1f' || j.target) = ANY(CAST(:spent AS text[])))
         ORDER BY j.priority >= 2 DESC,
           (SELECT count(*) FROM evaluator.judgements d WHERE d.project = j.project AND d.environment = j.environment
              AND d.target = j.target AND d.segment = j.segment AND d.purpose = 'online' AND d.judged_at >= :today),
           j.priority DESC, j.queued_at, j.id
         LIMIT 1 FOR UPDATE OF j SKIP LOCKED)
       UPDATE evaluator.judgements j SET leased_until = :until, attempts = attempts + 1, calls = calls + held_calls,
         input_tokens = input_tokens + held_tokens, usd = coalesce(usd + held_usd, usd, held_usd),
         held_calls = 0, held_tokens = 0, held_usd = NULL
       FROM next WHERE j.id = next.id RETURNING j.*"""
)
_PAIRS = text(
    """SELECT j.execution_id, j.segment, j.score, avg(o.value) AS people
       FROM evaluator.judgements j LEFT JOIN evaluator.judged_opinions o
         ON (o.project, o.environment, o.execution_id) = (j.project, j.environment, j.execution_id)
       WHERE j.project = :project AND j.environment = :environment AND j.digest = :digest AND j.purpose = 'online'
         AND j.state = 'known' AND (o.value IS NOT NULL OR j.execution_id = ANY(CAST(:annotated AS text[])))
       GROUP BY j.id ORDER BY j.judged_at DESC LIMIT :limit"""
)


class LeasedJudgement(NamedTuple):
    """A judgement that this instance has until its lease ends."""

    judgement: NewJudgement
    attempts: int


class JudgementResult(NamedTuple):
    """The state of a judgement, with its score or the reason why there is none."""

    state: JudgementState
    score: float | None
    reason: str | None


class ScoredPair(NamedTuple):
    """A judged execution; `people` is the mean of what people said, None if only annotators did."""

    execution_id: str
    segment: str
    score: float
    people: float | None


class QueuedAnchor(NamedTuple):
    """How often an anchor was queued, and when last."""

    times: int
    at: datetime


class JudgementRepository:
    """Judgements, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def add(self, new: Sequence[NewJudgement], now: datetime, subjects: Sequence[str | None] = ()) -> int:
        """Queue judgements; those that are known already are left as they are. Return the number of new ones."""
        added = 0
        for start in range(0, len(new), _CHUNK):
            rows = [
                _row(each, now, subjects[start + index] if subjects else None)
                for index, each in enumerate(new[start : start + _CHUNK])
            ]
            saved = await self._conn.execute(insert(judgements).values(rows).on_conflict_do_nothing())
            added += saved.rowcount
        return added

    async def lease(self, now: datetime, today: datetime, spent: Collection[TargetScopeKey]) -> LeasedJudgement | None:
        """Lease the next judgement of a target whose budget is not used up; None if there is none."""
        keys = ["\x1f".join((scope.project, scope.environment, scope.target)) for scope in spent]
        given = {"now": now, "until": now + LEASE, "today": today, "spent": keys}
        row = (await self._conn.execute(_LEASE, given)).first()
        return None if row is None else LeasedJudgement(_judgement(row), row.attempts)

    async def finish(
        self, id_: UUID, score: float | None, reason: str | None, spend: JudgeSpend, now: datetime
    ) -> bool:
        """Store the result of a judgement and delete its texts; return False if it has a result already."""
        done = await self._conn.execute(
            judgements.update()
            .where(judgements.c.id == id_, judgements.c.state == "waiting")
            .values(
                state="unknown" if score is None else "known", score=score, reason=reason, judged=None, judged_at=now,
                leased_until=None, calls=judgements.c.calls + spend.calls,
                input_tokens=judgements.c.input_tokens + spend.input_tokens,
                output_tokens=judgements.c.output_tokens + spend.output_tokens, usd=_sum(spend.usd), **_NOTHING_HELD,
            )
        )  # fmt: skip
        return done.rowcount == 1

    async def release(self, id_: UUID) -> None:
        """End the lease of a judgement that was not tried."""
        mine = judgements.update().where(judgements.c.id == id_, judgements.c.state == "waiting")
        await self._conn.execute(mine.values(leased_until=None, attempts=judgements.c.attempts - 1, **_NOTHING_HELD))

    async def drop_stale(self, now: datetime) -> int:
        """Drop executions that have waited too long or failed too often; return their number."""
        found = await self._conn.execute(
            text(
                """UPDATE evaluator.judgements SET state = 'dropped', judged = NULL, judged_at = :now,
                     leased_until = NULL, reason = 'not judged in time', calls = calls + held_calls,
                     input_tokens = input_tokens + held_tokens, usd = coalesce(usd + held_usd, usd, held_usd),
                     held_calls = 0, held_tokens = 0, held_usd = NULL
                   WHERE state = 'waiting' AND (leased_until IS NULL OR leased_until <= :now)
                     AND (queued_at < :before AND purpose <> 'run' OR attempts >= :most)"""
            ),
            {"now": now, "before": now - KEPT_WAITING, "most": MAX_ATTEMPTS},
        )
        return found.rowcount

    async def drop_of_evaluation(self, evaluation_id: UUID, now: datetime) -> None:
        """Drop what waits for the judges of an evaluation, and is not judged at this moment."""
        c = judgements.c
        waiting = and_(c.evaluation_id == evaluation_id, c.state == "waiting")
        mine = judgements.update().where(waiting, or_(c.leased_until.is_(None), c.leased_until <= now))
        values = {"state": "dropped", "judged": None, "judged_at": now, "reason": "not needed any more"}
        await self._conn.execute(mine.values(**values, leased_until=None))

    async def delete_before(self, moment: datetime) -> None:
        """Delete old results, and opinions about them."""
        await self._conn.execute(delete(judgements).where(judgements.c.judged_at < moment))
        await self._conn.execute(delete(judged_opinions).where(judged_opinions.c.received_at < moment))

    async def erase_subjects(self, subjects: Collection[str]) -> int:
        """Delete the judgements of erased users, with their texts; return their number."""
        mine = judgements.c.subject.in_(list(subjects))
        return (await self._conn.execute(delete(judgements).where(mine))).rowcount

    async def list_pairs(
        self, project: str, environment: str, digest: str, annotated: Sequence[str], limit: int
    ) -> list[ScoredPair]:
        """Return a judge's scores of executions that people judged, too; the latest ones."""
        given = {"project": project, "environment": environment, "digest": digest, "annotated": list(annotated)}
        rows = await self._conn.execute(_PAIRS, {**given, "limit": limit})
        return [ScoredPair(row.execution_id, row.segment, row.score, row.people) for row in rows]

    async def first_anchor_score(self, scope: TargetScopeKey, digest: str, case_id: str) -> float | None:
        """Return the first score of an anchor by this digest; None if it has none yet."""
        statement = text(
            """SELECT score FROM evaluator.judgements WHERE project = :project AND environment = :environment
               AND target = :target AND digest = :digest AND case_id = :case_id AND state = 'known'
               ORDER BY judged_at, queued_at LIMIT 1"""
        )
        found = await self._conn.scalar(statement, {**scope_columns(scope), "digest": digest, "case_id": case_id})
        return None if found is None else float(found)

    async def count_judged(self, scope: TargetScopeKey, digest: str) -> tuple[int, dict[str, int]]:
        """Return the number of scores of executions by a digest, and how often each anchor was queued."""
        given = {**scope_columns(scope), "digest": digest}
        where = "project = :project AND environment = :environment AND target = :target AND digest = :digest"
        online = text(
            f"SELECT count(*) FROM evaluator.judgements WHERE {where} AND purpose = 'online' AND state = 'known'"
        )
        anchors = text(
            f"""SELECT case_id, count(*) AS n FROM evaluator.judgements WHERE {where} AND purpose = 'anchor'
                GROUP BY case_id"""
        )
        scores = int(await self._conn.scalar(online, given) or 0)
        return scores, {row.case_id: row.n for row in await self._conn.execute(anchors, given)}

    async def list_queued_anchors(self, scope: TargetScopeKey, digest: str) -> dict[str, QueuedAnchor]:
        """Return how often and when each anchor was queued for a target and a judge's digest: of one moment."""
        statement = text(
            """SELECT case_id, count(*) AS n, max(queued_at) AS at FROM evaluator.judgements WHERE project = :project
               AND environment = :environment AND target = :target AND digest = :digest AND purpose = 'anchor'
               GROUP BY case_id"""
        )
        rows = await self._conn.execute(statement, {**scope_columns(scope), "digest": digest})
        return {row.case_id: QueuedAnchor(row.n, row.at) for row in rows}

    async def list_results(self, ids: Sequence[UUID]) -> dict[UUID, JudgementResult]:
        """Return the states of judgements with these ids, with their scores."""
        statement = text(
            "SELECT id, state, score, reason FROM evaluator.judgements WHERE id = ANY(CAST(:ids AS uuid[]))"
        )
        rows = await self._conn.execute(statement, {"ids": list(ids)})
        return {row.id: JudgementResult(row.state, row.score, row.reason) for row in rows}

    async def save_opinions(self, rows: Sequence[dict[str, Any]], replaced: Sequence[UUID]) -> None:
        """Save what people said, and remove what it replaces."""
        if replaced:
            await self._conn.execute(delete(judged_opinions).where(judged_opinions.c.feedback_id.in_(replaced)))
        if rows:
            await self._conn.execute(insert(judged_opinions).values(list(rows)).on_conflict_do_nothing())


def _sum(usd: float | None) -> ColumnElement[float | None]:
    """Return the US dollars of a judgement with those of another attempt; null without prices."""
    return judgements.c.usd if usd is None else func.coalesce(judgements.c.usd, 0.0) + usd


def _row(new: NewJudgement, now: datetime, subject: str | None) -> dict[str, Any]:
    return {
        **scope_columns(new.scope), "id": new.id, "judge": new.judge, "digest": new.digest, "purpose": new.purpose,
        "state": "waiting", "judged": new.judged.to_json(), "subject": subject, "execution_id": new.execution_id,
        "case_id": new.case_id, "segment": new.segment, "priority": new.priority, "occurred_at": new.occurred_at,
        "queued_at": now, "evaluation_id": new.evaluation_id,
    }  # fmt: skip


def _judgement(row: Row[Any]) -> NewJudgement:
    scope = TargetScopeKey(row.project, row.environment, row.target)
    return NewJudgement(
        row.id, scope, row.judge, row.digest, row.purpose, judged_text_from_json(row.judged), row.occurred_at,
        row.priority, row.segment, row.execution_id, row.case_id, row.evaluation_id,
    )  # fmt: skip
