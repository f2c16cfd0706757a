"""SQL of evaluations: requests, their start, progress and end."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Row, and_, exists, insert, literal, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.evaluation_run import EvaluationRun, RequestOrigin, RunState
from evaluator.domain.evaluation_terms import VerdictSummary, settings_from_json
from evaluator.domain.probe_scope import ProbeScope
from evaluator.storage.run_tables import evaluated_proposals, evaluation_reports, evaluation_tasks, evaluations
from evaluator.storage.tables import versions
from ratchet_evaluation.domain.contamination import ExcludedCase
from ratchet_evaluation.domain.judges.agreement_with_people import figures_from_json

_DUE = text(
    """SELECT id, dataset_digest, judges_dropped FROM (
         SELECT e.id, e.dataset_digest, e.requested_at, e.counted, e.decided,
           e.judges_dropped IS NOT NULL AS judges_dropped,
           (SELECT t.cluster FROM evaluator.evaluation_tasks t
              WHERE t.evaluation_id = e.id AND t.answered_at IS NULL ORDER BY t.ordinal LIMIT 1) AS unanswered,
           EXISTS (SELECT 1 FROM evaluator.evaluation_tasks t WHERE t.evaluation_id = e.id AND t.open) AS open
         FROM evaluator.evaluations e WHERE e.state = 'running') found
       WHERE CASE WHEN decided THEN NOT open ELSE unanswered IS NULL OR unanswered > counted END
       ORDER BY requested_at, id"""
)

_UNFINISHED = text(
    """SELECT EXISTS (SELECT FROM evaluator.evaluations WHERE state IN ('waiting', 'running'))
         OR EXISTS (SELECT FROM evaluator.bisections WHERE state IN ('waiting', 'running'))"""
)

_NO_EXAMPLES: dict[str, Any] = {"examples": {}, "base_examples": {}}
"""They have users' texts, so they are deleted when an evaluation ends."""
_NOT_STARTED: dict[str, Any] = {"excluded": [], "counted": 0, "decided": False, "started_at": None}
_NOT_JUDGED: dict[str, Any] = {"judge_deadline": None, "judges_dropped": None}


class RunReport(NamedTuple):
    """The stored forms of a report: canonical JSON with its digest, figures that differ from run to run, a page."""

    digest: str
    content: str
    measurements: dict[str, Any]
    html: str


class DueRun(NamedTuple):
    """A running evaluation, and the set that it runs on: an erasure restarts it on another one.

    `judges_dropped`: it is counted without its judges, from the start again.
    """

    id: UUID
    dataset_digest: str
    judges_dropped: bool = False


class EvaluationRunRepository:
    """Evaluations, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save_proposal(self, proposal_id: UUID, ended: bool, now: datetime) -> bool:
        """Note that a proposal is to be evaluated, or has ended; return whether it has ended, now or before.

        Events of a proposal come in any order. Its row is locked until the end of the transaction, so that of two
        transactions the second one sees what the first one did.
        """
        row = upsert(evaluated_proposals).values(proposal_id=proposal_id, ended=ended, changed_at=now)
        saved = row.on_conflict_do_update(
            index_elements=["proposal_id"],
            set_={"ended": evaluated_proposals.c.ended | row.excluded.ended, "changed_at": now},
        )
        return bool(await self._conn.scalar(saved.returning(evaluated_proposals.c.ended)))

    async def save_request(self, run: EvaluationRun, state: RunState, now: datetime) -> bool:
        """Save a requested evaluation; return False if it is known already. A cancelled one begins again."""
        row = {
            "id": run.id,
            "project": run.project,
            "environment": run.environment,
            "target": run.target,
            "name": run.name,
            "proposal_id": run.proposal_id,
            "base_digest": run.base_digest,
            "base": None if run.base is None else dict(run.base),
            "digest": run.digest,
            "document": dict(run.document),
            "execution_ids": list(run.execution_ids),
            "settings": run.settings.to_json(),
            "judges": [each.stored() for each in run.judges],
            "correlation_id": run.origin.correlation_id,
            "causation_id": run.origin.causation_id,
            "traceparent": run.origin.traceparent,
            "requested_at": run.requested_at,
            "dataset": run.dataset,
            "dataset_digest": run.dataset_digest,
            "bisection_id": None if run.probe is None else run.probe.bisection_id,
            "cluster_limit": None if run.probe is None else run.probe.clusters,
            "examples": dict(run.examples),
            "base_examples": dict(run.base_examples),
            "drafted": run.drafted,
            "state": state,
            "ended_at": now if state == "cancelled" else None,
        }
        again = {**row, **_NOT_STARTED, **_NOT_JUDGED}
        begins = and_(evaluations.c.state == "cancelled", literal(state == "waiting"))
        new = upsert(evaluations).values(row)
        saved = await self._conn.execute(
            new.on_conflict_do_update(index_elements=["id"], set_=again, where=begins).returning(evaluations.c.id)
        )
        if saved.first() is None:
            return False
        await self._conn.execute(evaluation_tasks.delete().where(evaluation_tasks.c.evaluation_id == run.id))
        return True

    async def is_same_request(self, run: EvaluationRun) -> bool:
        """Return whether the stored evaluation with this id was requested in the same way."""
        stored = await self.get_run(run.id)
        return stored is not None and _asked(stored) == _asked(run) and run.dataset in (None, stored.dataset)

    async def cancel_proposal(self, proposal_id: UUID, now: datetime) -> int:
        """Cancel the unfinished evaluations of a proposal; return their number."""
        unfinished = evaluations.c.state.in_(("waiting", "running"))
        mine = update(evaluations).where(evaluations.c.proposal_id == proposal_id, unfinished)
        return (await self._conn.execute(mine.values(state="cancelled", ended_at=now, **_NO_EXAMPLES))).rowcount

    async def cancel_old_examples(self, before: datetime, now: datetime) -> int:
        """Cancel evaluations that were requested before a time and still hold texts of examples."""
        has_texts = or_(evaluations.c.examples != text("'{}'"), evaluations.c.base_examples != text("'{}'"))
        old = update(evaluations).where(evaluations.c.requested_at < before, has_texts)
        ended = old.values(state="cancelled", ended_at=now, **_NO_EXAMPLES)
        return (await self._conn.execute(ended)).rowcount

    async def has_unfinished(self) -> bool:
        """Return whether there are evaluations or bisections that have not ended."""
        return bool(await self._conn.scalar(_UNFINISHED))

    async def list_startable(self) -> list[UUID]:
        """Return the waiting evaluations whose target has a published set, oldest first."""
        e, v = evaluations.c, versions.c
        of_target = and_(v.project == e.project, v.environment == e.environment, v.target == e.target)
        is_published = exists().where(
            of_target, v.erased_at.is_(None), or_(e.dataset.is_(None), v.dataset == e.dataset)
        )
        waiting = select(e.id).where(e.state == "waiting", is_published)
        return list((await self._conn.execute(waiting.order_by(e.requested_at, e.id))).scalars())

    async def list_due(self) -> list[DueRun]:
        """Return the running evaluations that can continue: the next cluster, or all that is needed, is answered."""
        return [DueRun(row.id, row.dataset_digest, row.judges_dropped) for row in await self._conn.execute(_DUE)]

    async def get_run(self, evaluation_id: UUID) -> EvaluationRun | None:
        """Return an evaluation, whatever its state is."""
        row = (await self._conn.execute(select(evaluations).where(evaluations.c.id == evaluation_id))).first()
        return None if row is None else _run(row)

    async def start(
        self, evaluation_id: UUID, dataset: str, dataset_digest: str, excluded: Sequence[ExcludedCase], now: datetime
    ) -> bool:
        """Start a waiting evaluation on a published set; return False if it is not waiting any more."""
        waiting = and_(evaluations.c.id == evaluation_id, evaluations.c.state == "waiting")
        started = await self._conn.execute(
            update(evaluations)
            .where(waiting)
            .values(
                state="running",
                dataset=dataset,
                dataset_digest=dataset_digest,
                excluded=[asdict(each) for each in excluded],
                started_at=now,
            )
        )
        return started.rowcount == 1

    async def save_progress(self, run: DueRun, counted: int, decided: bool) -> bool:
        """Save how many clusters are counted; return False if it has ended, or another instance has counted more.

        The row is locked until the end of the transaction.
        """
        is_newer = and_(evaluations.c.counted <= counted, ~evaluations.c.decided | (evaluations.c.counted == counted))
        running = and_(is_running(run), is_newer)
        saved = await self._conn.execute(update(evaluations).where(running).values(counted=counted, decided=decided))
        return saved.rowcount == 1

    async def complete(self, run: DueRun, summary: VerdictSummary, report: RunReport, now: datetime) -> bool:
        """End a running evaluation with its verdict and its report; return False if it is not running any more."""
        running = is_running(run)
        ended = await self._conn.execute(
            update(evaluations)
            .where(running)
            .values(
                state="completed",
                ended_at=now,
                verdict=summary.verdict,
                reason=summary.reason,
                report_digest=report.digest,
                cases=summary.cases,
                difference=summary.difference,
                low=summary.low,
                high=summary.high,
                **_NO_EXAMPLES,
            )
        )
        if ended.rowcount == 1:
            await self._conn.execute(insert(evaluation_reports).values(evaluation_id=run.id, **report._asdict()))
        return ended.rowcount == 1


def is_running(run: DueRun) -> ColumnElement[bool]:
    """Return the condition that an evaluation runs, on this set, and with its judges as they were."""
    e = evaluations.c
    is_same = and_(e.dataset_digest == run.dataset_digest, e.judges_dropped.is_not(None) == literal(run.judges_dropped))
    return and_(e.id == run.id, e.state == "running", is_same)


def _asked(run: EvaluationRun) -> tuple[object, ...]:
    about = (run.project, run.environment, run.target, run.name, run.proposal_id)
    judges = tuple(each.judge.digest for each in run.judges)
    return (*about, judges, run.base_digest, run.digest, run.execution_ids, run.settings)


def _run(row: Row[Any]) -> EvaluationRun:
    return EvaluationRun(
        id=row.id,
        project=row.project,
        environment=row.environment,
        target=row.target,
        name=row.name,
        proposal_id=row.proposal_id,
        base_digest=row.base_digest,
        base=row.base,
        digest=row.digest,
        document=row.document,
        execution_ids=tuple(row.execution_ids),
        settings=settings_from_json(row.settings),
        origin=RequestOrigin(row.correlation_id, row.causation_id, row.traceparent),
        requested_at=row.requested_at,
        state=row.state,
        dataset=row.dataset,
        dataset_digest=row.dataset_digest,
        drafted=row.drafted,
        excluded=tuple(ExcludedCase(**each) for each in row.excluded),
        judges=tuple(figures_from_json(each) for each in row.judges),
        judge_deadline=row.judge_deadline,
        judges_dropped=row.judges_dropped,
        examples=row.examples,
        base_examples=row.base_examples,
        probe=None if row.bisection_id is None else ProbeScope(row.bisection_id, row.cluster_limit),
    )
