"""Read the audit chain, and store the signatures of its ends."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

# Both conditions on seq: from one alone, PostgreSQL does not conclude that it can skip the earlier anchors, too.
_ENTRIES = text(
    """SELECT a.seq, a.kind, a.entry, a.previous, a.hash, x.hash AS anchored, x.signature
       FROM gatekeeper.audit a LEFT JOIN gatekeeper.audit_anchors x
         ON x.project = :project AND x.seq > :after AND x.seq = a.seq
       WHERE a.project = :project AND a.seq > :after ORDER BY a.seq LIMIT :limit"""
)
_HEAD = text("SELECT seq, hash FROM gatekeeper.audit_heads WHERE project = :project")
_STRAY = text(
    """SELECT x.seq FROM gatekeeper.audit_anchors x WHERE x.project = :project
       AND NOT EXISTS (SELECT FROM gatekeeper.audit a WHERE (a.project, a.seq) = (x.project, x.seq)) LIMIT 20"""
)
_AT = text("SELECT seq, hash, previous FROM gatekeeper.audit WHERE project = :project AND seq = ANY (:seqs)")
# Rows of other tables that must have an audit entry, and have none.
_WITHOUT_ENTRY = text(
    """WITH cited AS MATERIALIZED (
           SELECT s.* FROM gatekeeper.audit,
                  json_to_record(entry::json) AS s(decision_hash text, grant_hash text, rollback_hash text)
           WHERE project = :project AND split_part(kind, '.', 1) IN ('proposal', 'grant', 'prompt')
             AND strpos(entry, '_hash"') > 0 AND coalesce(decision_hash, grant_hash, rollback_hash) IS NOT NULL)
       SELECT 'live version ' || h.name || ' ' || h.sequence AS change FROM gatekeeper.live_history h
       WHERE h.project = :project AND NOT EXISTS (SELECT FROM gatekeeper.audit a WHERE a.project = h.project
             AND a.seq = h.audit_seq AND a.entry::jsonb ->> 'digest' = h.digest)
       UNION ALL SELECT 'decision ' || d.id FROM gatekeeper.decisions d
       WHERE d.project = :project AND NOT EXISTS (SELECT FROM cited WHERE decision_hash = d.hash)
       UNION ALL SELECT 'grant ' || g.id FROM gatekeeper.grants g
       WHERE g.project = :project AND NOT EXISTS (SELECT FROM cited WHERE grant_hash = g.hash)
       UNION ALL SELECT 'rollback ' || r.id FROM gatekeeper.rollbacks r
       WHERE r.project = :project AND NOT EXISTS (SELECT FROM cited WHERE rollback_hash = r.hash)
       UNION ALL SELECT 'kill switch change ' || c.revision FROM gatekeeper.kill_switch_changes c
       WHERE c.project = :project AND NOT EXISTS (SELECT FROM gatekeeper.kill_switch_audits l JOIN gatekeeper.audit a
             ON (a.project, a.seq) = (l.project, l.audit_seq) WHERE (l.project, l.revision) = (c.project, c.revision)
             AND a.kind LIKE 'loop.%' AND (a.entry::jsonb ->> 'revision')::int = c.revision)
       UNION ALL SELECT 'review of ' || r.name || ' ' || r.digest FROM gatekeeper.reviews r
       WHERE r.project = :project AND NOT EXISTS (SELECT FROM gatekeeper.audit a WHERE a.project = r.project
             AND a.seq = r.audit_seq AND a.entry::jsonb ->> 'digest' = r.digest)
       UNION ALL SELECT 'reason ' || r.digest || ', as it is stored,' FROM gatekeeper.reasons r
       WHERE r.project = :project AND r.digest <> 'sha256:' || gatekeeper.sha256_hex(r.content)
       LIMIT 20"""
)
_ANCHOR = text(
    """INSERT INTO gatekeeper.audit_anchors (project, seq, hash, key_id, signature)
       VALUES (:project, :seq, :hash, :key_id, :signature) ON CONFLICT DO NOTHING"""
)


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


class AuditRepository:
    """The audit chain in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def list_entries(self, project: str, query: AuditQuery, limit: int) -> list[dict[str, Any]]:
        """Return entries in order, each with its hash and the text of its reason, if that is stored."""
        values = {"project": project, "after": query.after, "kind": query.kind, "by": query.by, "limit": limit}
        given = {name: value for name, value in values.items() if value is not None}
        found = await self._conn.execute(entries_statement(query), given)
        return [{**json.loads(row.entry), "hash": row.hash, "reason": row.reason} for row in found]

    async def list_chain(self, project: str, after: int, limit: int) -> Sequence[Row[Any]]:
        """Return at most `limit` entries after number `after`, each with the hash and signature of its anchor."""
        return (await self._conn.execute(_ENTRIES, {"project": project, "after": after, "limit": limit})).all()

    async def get_head(self, project: str) -> tuple[int, str] | None:
        """Return number and hash of the last entry, as stored apart from the chain; None for an empty chain."""
        row = (await self._conn.execute(_HEAD, {"project": project})).one_or_none()
        return None if row is None else (row.seq, row.hash)

    async def list_stray_anchors(self, project: str) -> Sequence[int]:
        """Return the numbers of anchors without an entry, at most 20."""
        return (await self._conn.execute(_STRAY, {"project": project})).scalars().all()

    async def get_entries(self, project: str, seqs: Sequence[int]) -> dict[int, Row[Any]]:
        """Return hash and previous hash of the entries with these numbers, by number."""
        return {row.seq: row for row in await self._conn.execute(_AT, {"project": project, "seqs": list(seqs)})}

    async def list_changes_without_entry(self, project: str) -> Sequence[str]:
        """Describe rows of other tables whose audit entry is missing, at most 20."""
        return (await self._conn.execute(_WITHOUT_ENTRY, {"project": project})).scalars().all()

    async def save_anchor(self, project: str, head: tuple[int, str], key_id: str, signature: str) -> None:
        """Store the signature of the end of a chain. `head`: number and hash of its last entry."""
        values = {"project": project, "seq": head[0], "hash": head[1], "key_id": key_id, "signature": signature}
        await self._conn.execute(_ANCHOR, values)


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
