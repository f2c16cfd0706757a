"""Read proposals. The functions of the database write them."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.proposal_edits import syntax_warnings

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
_COLUMNS = (
    "id",
    "project",
    "environment",
    "target",
    "name",
    "kind",
    "base_digest",
    "digest",
    "author",
    "author_kind",
    "state",
    "revision",
    "opened_at",
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


async def get_proposal(
    conn: AsyncConnection, project: str, environment: str, proposal_id: UUID
) -> dict[str, Any] | None:
    """Return a proposal in its JSON form; None if there is none in this environment."""
    found = await conn.execute(_BY_ID, {"project": project, "environment": environment, "id": proposal_id})
    row = found.mappings().first()
    return None if row is None else to_view(row)


async def list_proposals(
    conn: AsyncConnection, project: str, environment: str, query: ProposalQuery
) -> list[dict[str, Any]]:
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
    return [to_view(row) for row in (await conn.execute(_PAGES[query.brief], values)).mappings()]


async def list_open_ids(conn: AsyncConnection, project: str, environment: str, name: str) -> list[UUID]:
    """Return the ids of the open few-shot proposals of a name, oldest first."""
    found = await conn.execute(
        text(
            """SELECT id FROM gatekeeper.proposals
               WHERE (project, environment, name, state, kind) = (:project, :environment, :name, 'open', 'few_shot')
               ORDER BY opened_at"""
        ),
        {"project": project, "environment": environment, "name": name},
    )
    return list(found.scalars())


def to_view(row: RowMapping) -> dict[str, Any]:
    """Return the JSON form of a proposal with its decision or grant; a brief one has no `document`."""
    content = row["content"]
    view: dict[str, Any] = {column: row[column] for column in _COLUMNS}
    view |= content if isinstance(content, dict) else json.loads(content)
    if row["canonical"] is not None:
        view["document"] = json.loads(row["canonical"])
        view["warnings"] = syntax_warnings(view["document"])
    view["decision"] = None
    if row["decision_id"] is not None:
        view["decision"] = {
            "id": row["decision_id"],
            "verdict": row["verdict"],
            "by": row["decided_by"],
            "at": row["decided_at"],
            "reason": row["decision_reason"],
            "expires_at": row["decision_expires_at"],
            "hash": row["decision_hash"],
        }
    view["grant"] = None
    if row["grant_id"] is not None:
        view["grant"] = {"id": row["grant_id"], "by": row["given_by"], "at": row["used_at"]}
    return view
