"""Evaluations as the API shows them: with their progress, and what a running one waits for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

ShownState = Literal[
    "waiting for a dataset", "waiting for a worker", "waiting for judges", "running", "completed", "cancelled"
]
_ACTIVE = timedelta(seconds=60)
"""A run with an answer since then is running; without one, and without a lease, it waits for a worker."""
_COLUMNS = (
    "id, target, name, proposal_id, base_digest, digest, settings, requested_at, dataset, dataset_digest,"
    " jsonb_array_length(excluded) AS excluded, started_at, ended_at, verdict, reason, report_digest, cases,"
    " difference, low, high, judge_deadline, judges_dropped"
)
_VIEWS = f"""SELECT {_COLUMNS},
  CASE WHEN state = 'running' THEN (SELECT count(*) FROM evaluator.evaluation_tasks t
    WHERE t.evaluation_id = e.id AND t.answered_at IS NOT NULL) END AS answered,
  CASE WHEN state = 'running' THEN (SELECT count(*) FROM evaluator.evaluation_tasks t
    WHERE t.evaluation_id = e.id) END AS total,
  CASE state WHEN 'waiting' THEN 'waiting for a dataset'
    WHEN 'running' THEN CASE WHEN judges <> '[]' AND judges_dropped IS NULL AND NOT EXISTS (
        SELECT 1 FROM evaluator.evaluation_tasks t WHERE t.evaluation_id = e.id AND t.open) THEN 'waiting for judges'
      WHEN EXISTS (SELECT 1 FROM evaluator.evaluation_tasks t
      WHERE t.evaluation_id = e.id AND (t.expires_at > :now OR t.answered_at > :active))
      THEN 'running' ELSE 'waiting for a worker' END
    ELSE state END AS shown_state
  FROM evaluator.evaluations e WHERE project = :project AND environment = :environment"""
_GET = text(f"{_VIEWS} AND id = :id")
_LIST = text(
    f"""SELECT * FROM ({_VIEWS}
          AND (CAST(:proposal_id AS uuid) IS NULL OR proposal_id = :proposal_id)
          AND (CAST(:target AS text) IS NULL OR target = :target)
          AND (CAST(:bisection_id AS uuid) IS NULL AND bisection_id IS NULL OR bisection_id = :bisection_id)
          AND (CAST(:last AS uuid) IS NULL OR (requested_at, id) < (:at, :last))) found
        WHERE CAST(:state AS text) IS NULL OR shown_state = :state
        ORDER BY requested_at DESC, id DESC LIMIT :limit"""
)
_REPORT = text(
    """SELECT r.digest, r.content, r.measurements::text AS measurements, r.html
       FROM evaluator.evaluation_reports r JOIN evaluator.evaluations e ON e.id = r.evaluation_id
       WHERE e.id = :id AND e.project = :project AND e.environment = :environment"""
)


@dataclass(frozen=True, slots=True)
class EvaluationFilter:
    """Filters of a list of evaluations; None: not restricted. Probes are listed only with their bisection.

    `after`: the last one of the page before.
    """

    proposal_id: UUID | None
    bisection_id: UUID | None
    target: str | None
    state: ShownState | None
    after: tuple[datetime | None, UUID | None]
    limit: int


class EvaluationViewRepository:
    """Reads of evaluations in one environment of a project, on `conn`."""

    def __init__(self, conn: AsyncConnection, project: str, environment: str) -> None:
        self._conn = conn
        self._scope = {"project": project, "environment": environment}

    async def list_evaluations(self, query: EvaluationFilter, now: datetime) -> list[Mapping[str, Any]]:
        """Return evaluations, newest first."""
        at, last = query.after
        chosen: dict[str, Any] = {"proposal_id": query.proposal_id, "target": query.target, "state": query.state}
        chosen["bisection_id"] = query.bisection_id
        page = {"at": at, "last": last, "limit": query.limit}
        times = {"now": now, "active": now - _ACTIVE}
        found = await self._conn.execute(_LIST, {**self._scope, **chosen, **page, **times})
        return [dict(row) for row in found.mappings()]

    async def get_evaluation(self, evaluation_id: UUID, now: datetime) -> Mapping[str, Any] | None:
        """Return an evaluation; None if there is none."""
        times = {"now": now, "active": now - _ACTIVE}
        row = (await self._conn.execute(_GET, {**self._scope, **times, "id": evaluation_id})).mappings().first()
        return None if row is None else dict(row)

    async def get_report(self, evaluation_id: UUID) -> Mapping[str, Any] | None:
        """Return the stored forms of a report; None if there is none."""
        row = (await self._conn.execute(_REPORT, {**self._scope, "id": evaluation_id})).mappings().first()
        return None if row is None else dict(row)
