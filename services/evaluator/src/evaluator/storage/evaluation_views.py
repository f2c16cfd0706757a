"""Evaluations as the API shows them: with their progress, and what a running one waits for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.waiting_reasons import ShownState

_ACTIVE = timedelta(seconds=60)
"""A run with an answer since then is running; without one, and without a lease, it waits."""
_COLUMNS = (
    "e.id, e.target, e.name, proposal_id, base_digest, digest, settings, requested_at, dataset, dataset_digest,"
    " jsonb_array_length(excluded) AS excluded, started_at, ended_at, verdict, reason, report_digest, cases,"
    " difference, low, high, judge_deadline, judges_dropped"
)
# An evaluation is served if a worker holds or answered one of its tasks lately. Workers answer the oldest one first.
_SERVED = """SELECT e.id, e.name, e.requested_at, array_agg(DISTINCT t.worker) AS workers
  FROM evaluator.evaluations e JOIN evaluator.evaluation_tasks t ON t.evaluation_id = e.id
  WHERE e.project = :project AND e.environment = :environment AND e.state = 'running'
    AND (t.expires_at > :now OR t.answered_at > :active)
  GROUP BY e.id"""
_BEFORE = """SELECT count(*) FROM served s WHERE (s.requested_at, s.id) < (e.requested_at, e.id) AND (s.name = e.name
  OR EXISTS (SELECT FROM evaluator.evaluation_tasks t JOIN evaluator.evaluations o ON o.id = t.evaluation_id
             WHERE (o.project, o.environment, o.name) = (e.project, e.environment, e.name)
               AND t.worker = ANY (s.workers)))"""
_SET = """SELECT max(v.published_at) FROM evaluator.versions v
  WHERE (v.project, v.environment, v.target) = (e.project, e.environment, e.target) AND v.erased_at IS NULL
    AND (e.dataset IS NULL OR v.dataset = e.dataset)"""
_FOUND = f"""SELECT {_COLUMNS},
  CASE WHEN state = 'running' THEN (SELECT count(*) FROM evaluator.evaluation_tasks t
    WHERE t.evaluation_id = e.id AND t.answered_at IS NOT NULL) END AS answered,
  CASE WHEN state = 'running' THEN (SELECT count(*) FROM evaluator.evaluation_tasks t
    WHERE t.evaluation_id = e.id) END AS total,
  state AS stored_state,
  state = 'running' AND judges <> '[]' AND judges_dropped IS NULL AND NOT EXISTS (
    SELECT 1 FROM evaluator.evaluation_tasks t WHERE t.evaluation_id = e.id AND t.open) AS waits_for_judges,
  EXISTS (SELECT FROM served s WHERE s.id = e.id) AS is_served,
  CASE WHEN state = 'running' THEN ({_BEFORE}) ELSE 0 END AS served_before,
  CASE WHEN state = 'waiting' THEN ({_SET}) END AS published_at
  FROM evaluator.evaluations e WHERE project = :project AND environment = :environment"""
_VIEWS = f"""SELECT *, CASE
    WHEN stored_state = 'waiting' AND published_at IS NULL THEN 'waiting for a dataset'
    WHEN stored_state = 'waiting' THEN 'waiting to start'
    WHEN stored_state <> 'running' THEN stored_state
    WHEN waits_for_judges THEN 'waiting for judges'
    WHEN is_served THEN 'running'
    WHEN served_before > 0 THEN 'queued'
    WHEN name = ANY (CAST(:exhausted AS text[])) THEN 'waiting for the budget'
    ELSE 'waiting for a worker' END AS shown_state
  FROM ({_FOUND}"""
_GET = text(f"WITH served AS ({_SERVED}) {_VIEWS} AND e.id = :id) each")
_LIST = text(
    f"""WITH served AS ({_SERVED}) SELECT * FROM ({_VIEWS}
          AND (CAST(:proposal_id AS uuid) IS NULL OR proposal_id = :proposal_id)
          AND (CAST(:target AS text) IS NULL OR e.target = :target)
          AND (CAST(:bisection_id AS uuid) IS NULL AND bisection_id IS NULL OR bisection_id = :bisection_id)
          AND (CAST(:last AS uuid) IS NULL OR (requested_at, e.id) < (:at, :last))) each) found
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
    """Reads of evaluations in one environment of a project, on `conn`.

    `exhausted`: prompts whose cases a direct endpoint answers, if its budget is used up.
    """

    def __init__(self, conn: AsyncConnection, project: str, environment: str, exhausted: Sequence[str] = ()) -> None:
        self._conn = conn
        self._scope = {"project": project, "environment": environment}
        self._exhausted = list(exhausted)

    async def list_evaluations(self, query: EvaluationFilter, now: datetime) -> list[Mapping[str, Any]]:
        """Return evaluations, newest first."""
        at, last = query.after
        chosen: dict[str, Any] = {"proposal_id": query.proposal_id, "target": query.target, "state": query.state}
        chosen["bisection_id"] = query.bisection_id
        page = {"at": at, "last": last, "limit": query.limit}
        found = await self._conn.execute(_LIST, {**self._terms(now), **chosen, **page})
        return [dict(row) for row in found.mappings()]

    async def get_evaluation(self, evaluation_id: UUID, now: datetime) -> Mapping[str, Any] | None:
        """Return an evaluation; None if there is none."""
        row = (await self._conn.execute(_GET, {**self._terms(now), "id": evaluation_id})).mappings().first()
        return None if row is None else dict(row)

    def _terms(self, now: datetime) -> dict[str, Any]:
        return {**self._scope, "now": now, "active": now - _ACTIVE, "exhausted": self._exhausted}

    async def get_report(self, evaluation_id: UUID) -> Mapping[str, Any] | None:
        """Return the stored forms of a report; None if there is none."""
        row = (await self._conn.execute(_REPORT, {**self._scope, "id": evaluation_id})).mappings().first()
        return None if row is None else dict(row)
