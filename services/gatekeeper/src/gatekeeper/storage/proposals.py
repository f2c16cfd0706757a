"""Read proposals. The functions of the database write them."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.stored_proposal import (
    PROPOSAL_COLUMNS,
    AwaitedEvaluation,
    CoveringGrant,
    StoredDecision,
    StoredEvaluation,
    StoredProposal,
)
from gatekeeper.storage.acceptance import AcceptanceRepository

_WHOLE = "p.content, v.canonical"
_BRIEF = "p.content - CAST('{diff,rollback,example_sets}' AS text[]) AS content, NULL AS canonical"
_SELECT = """SELECT p.id, p.project, p.environment, p.target, p.name, p.kind, p.base_digest, p.digest, p.author,
                    p.author_kind, p.state, p.revision, p.opened_at, {parts},
                    d.id AS decision_id, d.verdict, d.decided_by, d.decided_at, d.reason AS decision_reason,
                    d.expires_at AS decision_expires_at, d.hash AS decision_hash,
                    d.evaluation_digest, d.evidence_digest, d.evaluation_rule AS decision_rule,
                    gatekeeper.evaluation_rule(p) AS rule,
                    e.id AS evaluation_id, e.report_digest, e.completed_at, e.content AS evaluation,
                    ARRAY(SELECT y.verdict FROM gatekeeper.evaluations y WHERE y.proposal_id = p.id AND y.id <> e.id
                          ORDER BY y.completed_at, y.id) AS earlier,
                    q.requested_at, q.requested_by, q.attempt,
                    u.grant_id, u.used_at, g.given_by
             FROM gatekeeper.proposals p
             JOIN gatekeeper.prompt_versions v USING (project, digest)
             LEFT JOIN gatekeeper.decisions d ON d.proposal_id = p.id
             LEFT JOIN gatekeeper.grant_uses u ON u.proposal_id = p.id
             LEFT JOIN gatekeeper.grants g ON g.id = u.grant_id
             LEFT JOIN LATERAL (SELECT * FROM gatekeeper.evaluations x WHERE x.proposal_id = p.id
                                ORDER BY x.completed_at DESC, x.id DESC LIMIT 1) e ON true
             LEFT JOIN LATERAL (SELECT * FROM gatekeeper.evaluation_requests x WHERE x.proposal_id = p.id
                                AND x.revision > (SELECT count(*) FROM gatekeeper.evaluations y
                                                  WHERE y.proposal_id = p.id)
                                ORDER BY x.revision DESC LIMIT 1) q ON p.state = 'open'
             WHERE p.project = :project AND p.environment = :environment"""
_BY_ID = text(f"{_SELECT.format(parts=_WHOLE)} AND p.id = :id")
_FILTERED = """ AND (CAST(:state AS text) IS NULL OR p.state = :state)
            AND (CAST(:name AS text) IS NULL OR p.name = :name)
            AND (CAST(:opened_at AS timestamptz) IS NULL
                 OR p.opened_at <= :opened_at AND (p.opened_at, p.id) < (:opened_at, CAST(:id AS uuid)))
            ORDER BY p.opened_at DESC, p.id DESC LIMIT :limit"""
_PAGES = {
    False: text(f"{_SELECT.format(parts=_WHOLE)}{_FILTERED}"),
    True: text(f"{_SELECT.format(parts=_BRIEF)}{_FILTERED}"),
}
"""Statement by `ProposalQuery.brief`."""
_OPEN_IDS = text(
    """SELECT id FROM gatekeeper.proposals
       WHERE (project, environment, name, state, kind) = (:project, :environment, :name, 'open', 'few_shot')
       ORDER BY opened_at"""
)

_COVERABLE = text(
    """SELECT p.project, p.environment, p.id FROM gatekeeper.proposals p
       WHERE (p.state, p.kind, p.author_kind) = ('open', 'few_shot', 'service') AND EXISTS (
         SELECT FROM gatekeeper.grants g
         WHERE (g.project, g.environment, g.name) = (p.project, p.environment, p.name) AND g.expires_at > :now
           AND NOT EXISTS (SELECT FROM gatekeeper.grant_revocations r WHERE r.grant_id = g.id))
         AND COALESCE((SELECT e.verdict = 'pass' FROM gatekeeper.evaluations e WHERE e.proposal_id = p.id
                       ORDER BY e.completed_at DESC, e.id DESC LIMIT 1), true)
       ORDER BY p.opened_at, p.id"""
)


@dataclass(frozen=True, slots=True)
class ProposalQuery:
    """Filters and page of a list. `after`: `opened_at` and `id` of the last proposal of the page before; None twice
    for the first page. `brief` leaves documents, diffs and example sets out."""

    state: str | None
    name: str | None
    after: tuple[datetime | None, UUID | None]
    limit: int
    brief: bool


class ProposalRepository:
    """Proposals in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def get_proposal(self, project: str, environment: str, proposal_id: UUID) -> StoredProposal | None:
        """Return a proposal; None if there is none in this environment."""
        values = {"project": project, "environment": environment, "id": proposal_id}
        row = (await self._conn.execute(_BY_ID, values)).first()
        if row is None:
            return None
        outcomes = await AcceptanceRepository(self._conn).list_outcomes(proposal_id)
        return replace(_proposal(row), outcomes=outcomes)

    async def list_proposals(self, project: str, environment: str, query: ProposalQuery) -> list[StoredProposal]:
        """Return the proposals that match `query`, newest first."""
        opened_at, proposal_id = query.after
        values = {
            "project": project,
            "environment": environment,
            "state": query.state,
            "name": query.name,
            "opened_at": opened_at,
            "id": proposal_id,
            "limit": query.limit,
        }
        return [_proposal(row) for row in await self._conn.execute(_PAGES[query.brief], values)]

    async def list_open_ids(self, project: str, environment: str, name: str) -> list[UUID]:
        """Return the ids of the open few-shot proposals of a name, oldest first."""
        found = await self._conn.execute(_OPEN_IDS, {"project": project, "environment": environment, "name": name})
        return list(found.scalars())

    async def list_coverable(self, now: datetime) -> list[tuple[str, str, UUID]]:
        """Return project, environment and id of the open few-shot proposals of prompts that have a valid grant.

        Those whose last evaluation did not pass are left out.
        """
        found = await self._conn.execute(_COVERABLE, {"now": now})
        return [(row.project, row.environment, row.id) for row in found]


def _proposal(row: Row[Any]) -> StoredProposal:
    content = row.content if isinstance(row.content, dict) else json.loads(row.content)
    return StoredProposal(
        **{field: getattr(row, field) for field in PROPOSAL_COLUMNS},
        content=content,
        document=None if row.canonical is None else json.loads(row.canonical),
        decision=_decision(row),
        grant=None if row.grant_id is None else CoveringGrant(row.grant_id, row.given_by, row.used_at),
        evaluation=_evaluation(row),
        awaited_evaluation=None
        if row.requested_at is None
        else AwaitedEvaluation(row.requested_at, row.requested_by, row.attempt),
        evaluation_rule=row.rule,
    )


def _decision(row: Row[Any]) -> StoredDecision | None:
    if row.decision_id is None:
        return None
    return StoredDecision(
        row.decision_id,
        row.verdict,
        row.decided_by,
        row.decided_at,
        row.decision_reason,
        row.decision_expires_at,
        row.decision_hash,
        row.evaluation_digest,
        row.evidence_digest,
        row.decision_rule,
    )


def _evaluation(row: Row[Any]) -> StoredEvaluation | None:
    if row.evaluation_id is None:
        return None
    content = row.evaluation if isinstance(row.evaluation, dict) else json.loads(row.evaluation)
    return StoredEvaluation(row.evaluation_id, row.report_digest, row.completed_at, content, row.earlier)
