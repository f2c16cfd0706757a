"""The audit chain's SQL: reading it, and what must stand in it."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.audit.chain import Anchor, ChainCheck, Entry
from gatekeeper.keys.signer import Signer

_BATCH = 1000
_ENTRIES = text(
    """SELECT seq, kind, entry, previous, hash FROM gatekeeper.audit
       WHERE project = :project AND seq > :after ORDER BY seq LIMIT :limit"""
)
# What may not exist without its entry: deeds whose entry is gone, or never was.
_UNWRITTEN = text(
    """WITH said AS (SELECT entry::jsonb AS e FROM gatekeeper.audit WHERE project = :project)
       SELECT 'live version ' || h.name || ' ' || h.sequence AS deed FROM gatekeeper.live_history h
       WHERE h.project = :project AND NOT EXISTS (SELECT FROM gatekeeper.audit a WHERE a.project = h.project
             AND a.seq = h.audit_seq AND a.entry::jsonb ->> 'digest' = h.digest)
       UNION ALL SELECT 'decision ' || d.id FROM gatekeeper.decisions d
       WHERE d.project = :project AND NOT EXISTS (SELECT FROM said WHERE e ->> 'decision_hash' = d.hash)
       UNION ALL SELECT 'grant ' || g.id FROM gatekeeper.grants g
       WHERE g.project = :project AND NOT EXISTS (SELECT FROM said WHERE e ->> 'grant_hash' = g.hash)
       UNION ALL SELECT 'rollback ' || r.id FROM gatekeeper.rollbacks r
       WHERE r.project = :project AND NOT EXISTS (SELECT FROM said WHERE e ->> 'rollback_hash' = r.hash)
       UNION ALL SELECT 'loop change ' || c.revision FROM gatekeeper.loop_changes c
       WHERE c.project = :project AND NOT EXISTS (SELECT FROM gatekeeper.loop_audits l JOIN gatekeeper.audit a
             ON (a.project, a.seq) = (l.project, l.audit_seq) WHERE (l.project, l.revision) = (c.project, c.revision)
             AND a.kind LIKE 'loop.%' AND (a.entry::jsonb ->> 'revision')::int = c.revision)
       UNION ALL SELECT 'review of ' || r.name || ' ' || r.digest FROM gatekeeper.reviews r
       WHERE r.project = :project AND NOT EXISTS (SELECT FROM gatekeeper.audit a WHERE a.project = r.project
             AND a.seq = r.audit_seq AND a.entry::jsonb ->> 'digest' = r.digest)
       UNION ALL SELECT 'reason ' || r.digest || ', as it is kept,' FROM gatekeeper.reasons r
       WHERE r.project = :project AND r.digest <> 'sha256:' || gatekeeper.sha256_hex(r.content)
       LIMIT 20"""
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: beyond `seen` in the order of reading, of one kind (or the part of it before its dot), by one."""

    newest_first: bool = False
    seen: int | None = None
    kind: str | None = None
    by: str | None = None


async def entries(conn: AsyncConnection, project: str, wanted: Wanted, limit: int) -> list[dict[str, Any]]:
    """Entries in order, each with its hash and the text of the reason that it names, where it is kept."""
    values = {"project": project, "seen": wanted.seen, "kind": wanted.kind, "by": wanted.by, "limit": limit}
    given = {name: value for name, value in values.items() if value is not None}
    found = await conn.execute(_select(wanted), given)
    return [{**json.loads(row.entry), "hash": row.hash, "reason": row.reason} for row in found]


def _select(wanted: Wanted) -> TextClause:
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


async def verify(
    conn: AsyncConnection, project: str, signer: Signer, expected: tuple[int, str] | None
) -> dict[str, Any]:
    """Whether the chain is whole. `expected`: a head (seq, hash) that somebody wrote down earlier."""
    check = ChainCheck()
    while rows := (await conn.execute(_ENTRIES, {"project": project, "after": check.seq, "limit": _BATCH})).all():
        for row in rows:
            check.take(Entry(row.seq, row.kind, row.entry, row.previous, row.hash))
    head = await conn.execute(
        text("SELECT seq, hash FROM gatekeeper.audit_heads WHERE project = :project"), {"project": project}
    )
    ends = head.first()
    anchors = await conn.execute(
        text("SELECT seq, hash, signature FROM gatekeeper.audit_anchors WHERE project = :project ORDER BY seq"),
        {"project": project},
    )
    check.end(
        None if ends is None else (ends.seq, ends.hash),
        [Anchor(*anchor) for anchor in anchors],
        lambda anchor: signer.signed_head(project, anchor.seq, anchor.hash, anchor.signature),
    )
    for deed in (await conn.execute(_UNWRITTEN, {"project": project})).scalars():
        check.fault(f"{deed} has no entry")
    if expected is not None:
        check.expect(*expected)
    return {"ok": not check.found, "entries": check.seq, "head": check.hash, "problems": check.found}
