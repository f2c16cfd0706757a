"""Verification of a stored audit chain: one run at a time, in constant memory, hashing in a thread."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatekeeper.audit.chain import Anchor, AuditEntry, ChainCheck
from gatekeeper.keys.signer import Signer

_BATCH = 1000
"""Rows per fetch; receiving them takes the event loop about 4 ms."""
# Both conditions on seq: PostgreSQL does not conclude from the one that it may leave out all former anchors too.
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
       UNION ALL SELECT 'kill switch change ' || c.revision FROM gatekeeper.loop_changes c
       WHERE c.project = :project AND NOT EXISTS (SELECT FROM gatekeeper.loop_audits l JOIN gatekeeper.audit a
             ON (a.project, a.seq) = (l.project, l.audit_seq) WHERE (l.project, l.revision) = (c.project, c.revision)
             AND a.kind LIKE 'loop.%' AND (a.entry::jsonb ->> 'revision')::int = c.revision)
       UNION ALL SELECT 'review of ' || r.name || ' ' || r.digest FROM gatekeeper.reviews r
       WHERE r.project = :project AND NOT EXISTS (SELECT FROM gatekeeper.audit a WHERE a.project = r.project
             AND a.seq = r.audit_seq AND a.entry::jsonb ->> 'digest' = r.digest)
       UNION ALL SELECT 'reason ' || r.digest || ', as it is stored,' FROM gatekeeper.reasons r
       WHERE r.project = :project AND r.digest <> 'sha256:' || gatekeeper.sha256_hex(r.content)
       LIMIT 20"""
)


@dataclass(frozen=True, slots=True)
class _Run:
    """A finished verification: its parameters, when it began (monotonic seconds), and the answer."""

    parameters: tuple[str, tuple[int, str] | None, bool]
    began: float
    answer: dict[str, Any]


@dataclass
class Verifier:
    """Verifies the chains of all projects. Callers wait without a database connection."""

    engine: AsyncEngine
    signer: Signer
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _last: _Run | None = None
    _verified: dict[str, tuple[int, str]] = field(default_factory=dict)

    async def verify(
        self, project: str, expected: tuple[int, str] | None = None, *, new: bool = False
    ) -> dict[str, Any]:
        """Return whether the chain is intact. `expected`: an entry (seq, hash) that the chain must contain.

        `new`: verify only from the end of this instance's last successful run on. A caller who waited while an equal
        run began and finished gets the answer of that run.
        """
        parameters, arrived = (project, expected, new), time.monotonic()
        async with self._lock:
            if self._last is not None and self._last.parameters == parameters and self._last.began >= arrived:
                return self._last.answer
            began = time.monotonic()
            async with self.engine.connect() as conn:
                # One snapshot: entries that are appended meanwhile are not reported as faults.
                conn = await conn.execution_options(isolation_level="REPEATABLE READ")
                answer = await self._verify(conn, project, expected, self._verified.get(project) if new else None)
            if answer["ok"]:
                self._verified[project] = (answer["entries"], answer["head"])
            self._last = _Run(parameters, began, answer)
            return answer

    async def _verify(
        self, conn: AsyncConnection, project: str, expected: tuple[int, str] | None, since: tuple[int, str] | None
    ) -> dict[str, Any]:
        def verify_anchor(anchor: Anchor) -> bool:
            return self.signer.verify_head(project, anchor.seq, anchor.hash, anchor.signature)

        scope = {"project": project}
        check = ChainCheck(verify_anchor, expected=expected)
        if since is not None:
            await self._start_at(conn, check, scope, since)
        rows = await _entries(conn, project, check.seq)
        while rows:
            # The database reads the next rows while these are checked.
            rows, _ = await asyncio.gather(_entries(conn, project, rows[-1].seq), asyncio.to_thread(_add, check, rows))
        head = (await conn.execute(_HEAD, scope)).first()
        stray = (await conn.execute(_STRAY, scope)).scalars()
        check.finish(None if head is None else (head.seq, head.hash), stray)
        for change in (await conn.execute(_WITHOUT_ENTRY, scope)).scalars():
            check.add_fault(f"{change} has no entry")
        first = 1 if since is None else since[0]
        return {
            "ok": not check.faults,
            "from": first,
            "entries": check.seq,
            "head": check.hash,
            "problems": check.faults,
        }

    async def _start_at(
        self, conn: AsyncConnection, check: ChainCheck, scope: dict[str, str], since: tuple[int, str]
    ) -> None:
        """Start `check` with the entry `since`, which was verified before and is read again."""
        hashes = {
            row.seq: row for row in await conn.execute(_AT, {**scope, "seqs": [since[0], (check.expected or since)[0]]})
        }
        if since[0] not in hashes or hashes[since[0]].hash != since[1]:
            check.add_fault(f"entry {since[0]} is not the one that was verified before")
            return
        check.seq, check.hash = since[0] - 1, hashes[since[0]].previous
        if check.expected is not None and check.expected[0] < since[0]:
            seq, head = check.expected
            if seq in hashes and hashes[seq].hash == head:
                check.expected = None


async def _entries(conn: AsyncConnection, project: str, after: int) -> Sequence[Row[Any]]:
    return (await conn.execute(_ENTRIES, {"project": project, "after": after, "limit": _BATCH})).all()


def _add(check: ChainCheck, rows: Sequence[Row[Any]]) -> None:
    check.add(
        (AuditEntry(row.seq, row.kind, row.entry, row.previous, row.hash), row.anchored, row.signature) for row in rows
    )
