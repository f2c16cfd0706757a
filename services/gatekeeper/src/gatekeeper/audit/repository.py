"""The audit chain's SQL: reading it."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries: beyond `seen` in the order of reading, of one kind (or the part of it before its dot), by one."""

    newest_first: bool = False
    seen: int | None = None
    kind: str | None = None
    by: str | None = None


async def list_entries(conn: AsyncConnection, project: str, wanted: AuditQuery, limit: int) -> list[dict[str, Any]]:
    """Entries in order, each with its hash and the text of the reason that it names, where it is kept."""
    values = {"project": project, "seen": wanted.seen, "kind": wanted.kind, "by": wanted.by, "limit": limit}
    given = {name: value for name, value in values.items() if value is not None}
    found = await conn.execute(_select(wanted), given)
    return [{**json.loads(row.entry), "hash": row.hash, "reason": row.reason} for row in found]


def _select(wanted: AuditQuery) -> TextClause:
    """Only the conditions that are asked, each in the words of its index: a rare kind is found as fast as any."""
    clauses = ["project = :project"]
    if wanted.seen is not None:
        clauses.append("seq < :seen" if wanted.newest_first else "seq > :seen")
    if wanted.kind is not None:
        clauses.append("split_part(kind, '.', 1) = split_part(:kind, '.', 1)")
        clauses += ["kind = :kind"] if "." in wanted.kind else []
    if wanted.by is not None:
        clauses.append("CAST(entry AS jsonb) ->> 'by' = :by")
    order = "DESC" if wanted.newest_first else "ASC"
    return text(
        f"""SELECT a.entry, a.hash, r.content AS reason FROM (
                SELECT project, seq, entry, hash FROM gatekeeper.audit
                WHERE {" AND ".join(clauses)} ORDER BY seq {order} LIMIT :limit) a
            LEFT JOIN gatekeeper.reasons r
              ON r.project = a.project AND r.digest = CAST(a.entry AS jsonb) ->> 'reason_digest'
            ORDER BY a.seq {order}"""
    )
