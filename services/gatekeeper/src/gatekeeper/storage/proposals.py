"""Read proposals. The functions of the database write them."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.stored_proposal import PROPOSAL_COLUMNS, CoveringGrant, StoredDecision, StoredProposal

_WHOLE = "p.content, v.canonical"
_BRIEF = "p.content - CAST('{diff,rollback,example_sets}' AS text[]) AS content, NULL AS canonical"
_SELECT = """SELECT p.id, p.project, p.environment, p.target, p.name, p.kind, p.base_digest, p.digest, p.author,
                    p.author_kind, p.state, p.revision, p.opened_at, {parts},
                    d.id AS decision_id, d.verdict, d.decided_by, d.decided_at, d.reason AS decision_reason,
                    d.expires_at AS decision_expires_at, d.hash AS decision_hash,
                    u.grant_id, u.used_at, g.given_by
             FROM gatekeeper.proposals p
             JOIN gatekeeper.prompt_versions v USING (project, digest)
             LEFT JOIN gatekeeper.decisions d ON d.proposal_id = p.id
             LEFT JOIN gatekeeper.grant_uses u ON u.proposal_id = p.id
             LEFT JOIN gatekeeper.grants g ON g.id = u.grant_id
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
        return None if row is None else _proposal(row)

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


def _proposal(row: Row[Any]) -> StoredProposal:
    content = row.content if isinstance(row.content, dict) else json.loads(row.content)
    return StoredProposal(
        **{field: getattr(row, field) for field in PROPOSAL_COLUMNS},
        content=content,
        document=None if row.canonical is None else json.loads(row.canonical),
        decision=_decision(row),
        grant=None if row.grant_id is None else CoveringGrant(row.grant_id, row.given_by, row.used_at),
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
    )
