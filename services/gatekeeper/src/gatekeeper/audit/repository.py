"""Read the audit chain."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Filters of a list of entries.

    `after`: the number of the last entry of the page before; `kind`: a kind, or its part before the dot; `by`: a
    subject.
    """

    newest_first: bool = False
    after: int | None = None
    kind: str | None = None
    by: str | None = None


async def list_entries(conn: AsyncConnection, project: str, query: AuditQuery, limit: int) -> list[dict[str, Any]]:
    """Return entries in order, each with its hash and the text of its reason, if that is stored."""
    values = {"project": project, "after": query.after, "kind": query.kind, "by": query.by, "limit": limit}
    given = {name: value for name, value in values.items() if value is not None}
    found = await conn.execute(entries_statement(query), given)
    return [{**json.loads(row.entry), "hash": row.hash, "reason": row.reason} for row in found]


def entries_statement(query: AuditQuery) -> TextClause:
    """Return the statement of a query. Each condition is written as its index has it, so that rare kinds are fast."""
    clauses = ["project = :project"]
    if query.after is not None:
        clauses.append("seq < :after" if query.newest_first else "seq > :after")
    if query.kind is not None:
        clauses.append("split_part(kind, '.', 1) = split_part(:kind, '.', 1)")
        clauses += ["kind = :kind"] if "." in query.kind else []
    if query.by is not None:
        clauses.append("CAST(entry AS jsonb) ->> 'by' = :by")
    order = "DESC" if query.newest_first else "ASC"
    return text(
        f"""SELECT a.entry, a.hash, r.content AS reason FROM (
                SELECT project, seq, entry, hash FROM gatekeeper.audit
                WHERE {" AND ".join(clauses)} ORDER BY seq {order} LIMIT :limit) a
            LEFT JOIN gatekeeper.reasons r
              ON r.project = a.project AND r.digest = CAST(a.entry AS jsonb) ->> 'reason_digest'
            ORDER BY a.seq {order}"""
    )
