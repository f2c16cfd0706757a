"""Evaluations, golden sets and evaluation rules, which functions of the database write; and requests of evaluations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.stored_proposal import EVALUATION_LIFETIME, EvaluationRule, StoredProposal

_NEXT_REQUEST = text(
    """WITH same AS (
         SELECT p.id, p.state, count(e.id) AS completed, count(*) FILTER (WHERE e.verdict <> 'pass') AS unpassed
         FROM gatekeeper.proposals p LEFT JOIN gatekeeper.evaluations e ON e.proposal_id = p.id
         WHERE (p.project, p.environment, p.name, p.digest) = (:project, :environment, :name, :digest)
           AND p.base_digest = :base_digest GROUP BY p.id)
       SELECT 1 + coalesce((SELECT completed FROM same WHERE id = :proposal), 0) AS revision,
              1 + coalesce((SELECT sum(unpassed) FROM same), 0)::int
                + (SELECT count(*) FROM same JOIN gatekeeper.evaluation_requests r ON r.proposal_id = same.id
                   WHERE same.id <> :proposal AND same.state = 'open' AND r.revision > same.completed) AS attempt"""
)
_SAVE_REQUEST = text(
    """INSERT INTO gatekeeper.evaluation_requests (proposal_id, revision, attempt, requested_at, requested_by)
       VALUES (:proposal, :revision, :attempt, :at, :by) ON CONFLICT DO NOTHING"""
)
_IS_OVERDUE = text(
    """SELECT requested_at < :before FROM gatekeeper.evaluation_requests
       WHERE proposal_id = :proposal AND revision = :revision"""
)
_STALE = text(
    """SELECT p.project, p.environment, p.id
       FROM gatekeeper.proposals p
       JOIN LATERAL (SELECT * FROM gatekeeper.evaluations x WHERE x.proposal_id = p.id
                     ORDER BY x.completed_at DESC, x.id DESC LIMIT 1) e ON true
       WHERE p.state = 'open' AND e.verdict = 'pass' AND e.completed_at < :before
         AND NOT EXISTS (SELECT FROM gatekeeper.evaluation_requests r
                         WHERE r.proposal_id = p.id AND r.requested_at >= :before)
       ORDER BY e.completed_at, p.id LIMIT :limit"""
)
_RULES = text(
    """SELECT t.target, gatekeeper.target_evaluation_rule(:project, :environment, t.target) AS rule,
              coalesce(r.rule, 'default') AS chosen, r.set_by, s.name AS dataset, s.version, s.digest, s.cases,
              s.clusters
       FROM (SELECT target FROM gatekeeper.datasets WHERE project = :project AND environment = :environment
             UNION SELECT target FROM gatekeeper.evaluation_rules
             WHERE project = :project AND environment = :environment) t
       LEFT JOIN LATERAL (SELECT * FROM gatekeeper.datasets d
                          WHERE (d.project, d.environment, d.target) = (:project, :environment, t.target)
                          ORDER BY d.clusters DESC, d.name LIMIT 1) s ON true
       LEFT JOIN LATERAL (SELECT * FROM gatekeeper.evaluation_rules x
                          WHERE (x.project, x.environment, x.target) = (:project, :environment, t.target)
                          ORDER BY x.revision DESC LIMIT 1) r ON true
       WHERE t.target > :after ORDER BY t.target LIMIT :limit"""
)


@dataclass(frozen=True, slots=True)
class TargetRule:
    """Whether approvals about a target need a passed evaluation, why, and its largest golden set.

    `chosen` is an admin's choice; `default` leaves it to the number of independent cases (`clusters`).
    """

    target: str
    rule: EvaluationRule
    chosen: str
    set_by: str | None
    dataset: str | None
    version: int | None
    digest: str | None
    cases: int | None
    clusters: int | None


class NextRequest(NamedTuple):
    """The next evaluation of a proposal: its number, and how many attempts of this change it makes.

    Evaluations of the same document against the same base count, whichever proposal they were for, also those that
    other open proposals wait for. Those that passed don't: nothing is gained by passing again.
    """

    revision: int
    attempt: int


class StaleEvaluation(NamedTuple):
    """An open proposal whose passed evaluation is too old to be decided on."""

    project: str
    environment: str
    proposal_id: UUID


class EvaluationRepository:
    """Evaluations and their rules in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def get_next_request(self, proposal: StoredProposal) -> NextRequest:
        """Return the number of the next evaluation of a proposal, and that of its attempt."""
        values = {"proposal": proposal.id, "project": proposal.project, "environment": proposal.environment}
        change = {"name": proposal.name, "digest": proposal.digest, "base_digest": proposal.base_digest}
        return NextRequest(*(await self._conn.execute(_NEXT_REQUEST, {**values, **change})).one())

    async def save_request(self, proposal_id: UUID, request: NextRequest, by: str | None, now: datetime) -> bool:
        """Save a request; return False if that evaluation was requested before. `by` is None for the service itself."""
        values = {"proposal": proposal_id, **request._asdict(), "at": now, "by": by}
        return (await self._conn.execute(_SAVE_REQUEST, values)).rowcount == 1

    async def is_overdue(self, proposal_id: UUID, request: NextRequest, now: datetime) -> bool:
        """Return whether an evaluation was requested so long ago that it may have been cancelled."""
        values = {"proposal": proposal_id, "revision": request.revision, "before": now - EVALUATION_LIFETIME}
        return bool(await self._conn.scalar(_IS_OVERDUE, values))

    async def list_stale(self, now: datetime, limit: int) -> Sequence[StaleEvaluation]:
        """Return open proposals whose passed evaluation is too old, and for which none was requested for that long."""
        values = {"before": now - EVALUATION_LIFETIME, "limit": limit}
        return [StaleEvaluation(*row) for row in await self._conn.execute(_STALE, values)]

    async def list_rules(self, project: str, environment: str, after: str, limit: int) -> Sequence[TargetRule]:
        """Return the targets that have a golden set or a rule, in order, from the one after `after`."""
        scope = {"project": project, "environment": environment, "after": after, "limit": limit}
        return [TargetRule(*row) for row in await self._conn.execute(_RULES, scope)]
