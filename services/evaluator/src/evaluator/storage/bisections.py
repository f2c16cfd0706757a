"""SQL of bisections: requests, probes and results."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, exists, func, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.bisection_run import BisectionRun, BisectionSummary
from evaluator.domain.bisection_steps import NextProbe, ProbeKey, comparison_from_json, comparison_to_json
from evaluator.domain.evaluation_run import EvaluationRun, RequestOrigin
from evaluator.storage.run_tables import bisection_probes, bisections, evaluation_tasks, evaluations
from ratchet_evaluation.domain.statistics.comparison import ComparisonResult

_B, _P, _E, _T = bisections.c, bisection_probes.c, evaluations.c, evaluation_tasks.c
_UNFINISHED = _B.state.in_(("waiting", "running"))


class BisectionRunRepository:
    """Bisections, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save_request(self, run: BisectionRun) -> bool:
        """Save a requested bisection; return False if it is known already."""
        row = {
            "id": run.id,
            "project": run.project,
            "environment": run.environment,
            "target": run.target,
            "name": run.name,
            "regression_id": run.regression_id,
            "good_digest": run.good_digest,
            "good": dict(run.good),
            "bad_digest": run.bad_digest,
            "bad": dict(run.bad),
            "execution_ids": list(run.execution_ids),
            "correlation_id": run.origin.correlation_id,
            "causation_id": run.origin.causation_id,
            "traceparent": run.origin.traceparent,
            "requested_at": run.requested_at,
            "state": run.state,
        }
        return (await self._conn.execute(upsert(bisections).values(row).on_conflict_do_nothing())).rowcount == 1

    async def list_due(self) -> list[UUID]:
        """Return the bisections that can continue: all their probes are completed."""
        awaited = exists().where(_P.bisection_id == _B.id, _P.result.is_(None))
        due = select(_B.id).where(_UNFINISHED, ~awaited)
        return list((await self._conn.execute(due.order_by(_B.requested_at, _B.id))).scalars())

    async def lock(self, bisection_id: UUID) -> BisectionRun | None:
        """Return an unfinished bisection, locked; None if it has ended, or another instance has it."""
        mine = select(bisections).where(_B.id == bisection_id, _UNFINISHED)
        row = (await self._conn.execute(mine.with_for_update(skip_locked=True))).first()
        return None if row is None else _bisection(row)

    async def start(self, bisection_id: UUID, dataset: str, dataset_digest: str, clusters: int) -> None:
        """Start a bisection on a published set."""
        values = {"state": "running", "dataset": dataset, "dataset_digest": dataset_digest, "clusters": clusters}
        await self._conn.execute(update(bisections).where(_B.id == bisection_id).values(values))

    async def list_results(self, bisection_id: UUID) -> dict[ProbeKey, ComparisonResult] | None:
        """Return the results of all probes; None if one is not completed."""
        found = (await self._conn.execute(select(bisection_probes).where(_P.bisection_id == bisection_id))).all()
        if any(row.result is None for row in found):
            return None
        return {(frozenset(row.hunks), row.clusters): comparison_from_json(row.result) for row in found}

    async def save_probe(self, run: EvaluationRun, probe: NextProbe) -> None:
        """Save which changes an evaluation compares."""
        assert run.probe is not None
        row = {"bisection_id": run.probe.bisection_id, "evaluation_id": run.id, "hunks": sorted(probe.hunks)}
        await self._conn.execute(insert(bisection_probes).values(**row, clusters=probe.clusters))

    async def save_result(self, evaluation_id: UUID, result: ComparisonResult) -> None:
        """Save the comparison of a probe that is completed."""
        mine = update(bisection_probes).where(_P.evaluation_id == evaluation_id)
        await self._conn.execute(mine.values(result=comparison_to_json(result)))

    async def count_answers(self, bisection_id: UUID) -> int:
        """Return the number of answers that the app was asked for. Copies of an answer count once."""
        asked = and_(_E.bisection_id == bisection_id, _T.answered_at.is_not(None), _T.worker.is_not(None))
        joined = evaluation_tasks.join(evaluations, _T.evaluation_id == _E.id)
        return int(await self._conn.scalar(select(func.count()).select_from(joined).where(asked)) or 0)

    async def list_used_cases(self, bisection_id: UUID) -> list[str]:
        """Return the ids of the cases that the app has answered for a bisection."""
        used = and_(_E.bisection_id == bisection_id, _T.answered_at.is_not(None))
        joined = evaluation_tasks.join(evaluations, _T.evaluation_id == _E.id)
        return list(await self._conn.scalars(select(_T.case_id).distinct().select_from(joined).where(used)))

    async def complete(
        self,
        bisection_id: UUID,
        summary: BisectionSummary,
        result: Mapping[str, Any],
        used: Sequence[str],
        now: datetime,
    ) -> None:
        """End a bisection; `used` are the digests of the cases that its probes have asked."""
        fix = None if summary.fix is None else summary.fix.digest
        values = {"state": "completed", "ended_at": now, "outcome": summary.outcome, "fix_digest": fix}
        mine = update(bisections).where(_B.id == bisection_id)
        await self._conn.execute(mine.values(**values, result=dict(result), used_cases=list(used)))

    async def cancel(self, now: datetime, regression_id: UUID | None = None, before: datetime | None = None) -> int:
        """Cancel the unfinished bisections of a regression, or those requested before a time, and their probes."""
        wanted = _B.regression_id == regression_id if before is None else _B.requested_at < before
        values = {"state": "cancelled", "ended_at": now}
        ended = await self._conn.execute(update(bisections).where(_UNFINISHED, wanted).values(values).returning(_B.id))
        ids = list(ended.scalars())
        probes = and_(_E.bisection_id.in_(ids), _E.state.in_(("waiting", "running")))
        await self._conn.execute(update(evaluations).where(probes).values(values))
        return len(ids)

    async def list_bisected_cases(self, run: EvaluationRun) -> dict[str, str]:
        """Return the digests of the cases by which the candidate of an evaluation was found, with the bisection."""
        here = and_(_B.project == run.project, _B.environment == run.environment, _B.name == run.name)
        mine = select(_B.id, _B.used_cases).where(here, _B.fix_digest == run.digest)
        return {case: str(row.id) for row in await self._conn.execute(mine) for case in row.used_cases}

    async def list_bisections(
        self, scope: tuple[str, str], regression_id: UUID | None, after: tuple[datetime | None, UUID | None], limit: int
    ) -> list[Mapping[str, Any]]:
        """Return bisections of an environment, newest first."""
        columns = (_B.id, _B.target, _B.name, _B.regression_id, _B.good_digest, _B.bad_digest, _B.requested_at,
                   _B.state, _B.dataset, _B.dataset_digest, _B.ended_at, _B.outcome, _B.result)  # fmt: skip
        query = select(*columns).where(_B.project == scope[0], _B.environment == scope[1])
        if regression_id is not None:
            query = query.where(_B.regression_id == regression_id)
        at, last = after
        if at is not None and last is not None:
            query = query.where(or_(_B.requested_at < at, and_(_B.requested_at == at, _B.id < last)))
        found = await self._conn.execute(query.order_by(_B.requested_at.desc(), _B.id.desc()).limit(limit))
        return [dict(row) for row in found.mappings()]


def _bisection(row: Row[Any]) -> BisectionRun:
    return BisectionRun(
        row.id, row.project, row.environment, row.target, row.name, row.regression_id, row.good_digest, row.good,
        row.bad_digest, row.bad, tuple(row.execution_ids),
        RequestOrigin(row.correlation_id, row.causation_id, row.traceparent), row.requested_at, row.state,
        row.dataset, row.dataset_digest, row.clusters,
    )  # fmt: skip
