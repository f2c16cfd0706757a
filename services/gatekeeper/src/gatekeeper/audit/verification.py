"""Checking the whole audit chain: one at a time, in constant memory, and hashing in a thread."""

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
"""Rows that the event loop receives at a time: some 4 ms of its time."""
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
# What may not exist without its entry: deeds whose entry is gone, or never was.
_UNWRITTEN = text(
    """WITH said AS MATERIALIZED (
           SELECT s.* FROM gatekeeper.audit,
                  json_to_record(entry::json) AS s(decision_hash text, grant_hash text, rollback_hash text)
           WHERE project = :project AND split_part(kind, '.', 1) IN ('proposal', 'grant', 'prompt')
             AND strpos(entry, '_hash"') > 0 AND coalesce(decision_hash, grant_hash, rollback_hash) IS NOT NULL)
       SELECT 'live version ' || h.name || ' ' || h.sequence AS deed FROM gatekeeper.live_history h
       WHERE h.project = :project AND NOT EXISTS (SELECT FROM gatekeeper.audit a WHERE a.project = h.project
             AND a.seq = h.audit_seq AND a.entry::jsonb ->> 'digest' = h.digest)
       UNION ALL SELECT 'decision ' || d.id FROM gatekeeper.decisions d
       WHERE d.project = :project AND NOT EXISTS (SELECT FROM said WHERE decision_hash = d.hash)
       UNION ALL SELECT 'grant ' || g.id FROM gatekeeper.grants g
       WHERE g.project = :project AND NOT EXISTS (SELECT FROM said WHERE grant_hash = g.hash)
       UNION ALL SELECT 'rollback ' || r.id FROM gatekeeper.rollbacks r
       WHERE r.project = :project AND NOT EXISTS (SELECT FROM said WHERE rollback_hash = r.hash)
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
class _Run:
    """A finished verification: what was asked, when it began, and the answer."""

    asked: tuple[str, tuple[int, str] | None, bool]
    began: float
    answer: dict[str, Any]


@dataclass
class Verifier:
    """Verifies the chains of all projects. Callers wait for their turn without a connection."""

    engine: AsyncEngine
    signer: Signer
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _last: _Run | None = None
    _whole: dict[str, tuple[int, str]] = field(default_factory=dict)

    async def verify(
        self, project: str, expected: tuple[int, str] | None = None, *, new: bool = False
    ) -> dict[str, Any]:
        """Whether the chain is whole. `expected`: an end (seq, hash) that somebody wrote down earlier.

        `new`: only from the last end on that this instance found whole; all of it where there is none. Who waited
        while somebody else's equal run began and ended gets its answer.
        """
        asked, arrived = (project, expected, new), time.monotonic()
        async with self._turn:
            if self._last is not None and self._last.asked == asked and self._last.began >= arrived:
                return self._last.answer
            began = time.monotonic()
            async with self.engine.connect() as conn:
                # One snapshot: entries that come meanwhile are neither half seen nor taken for tampering.
                conn = await conn.execution_options(isolation_level="REPEATABLE READ")
                answer = await self._checked(conn, project, expected, self._whole.get(project) if new else None)
            if answer["ok"]:
                self._whole[project] = (answer["entries"], answer["head"])
            self._last = _Run(asked, began, answer)
            return answer

    async def _checked(
        self, conn: AsyncConnection, project: str, expected: tuple[int, str] | None, since: tuple[int, str] | None
    ) -> dict[str, Any]:
        def signed(anchor: Anchor) -> bool:
            return self.signer.signed_head(project, anchor.seq, anchor.hash, anchor.signature)

        where = {"project": project}
        check = ChainCheck(signed, expected=expected)
        if since is not None:
            await self._go_on(conn, check, where, since)
        rows = await _entries(conn, project, check.seq)
        while rows:
            # The database reads the next rows while these are checked.
            rows, _ = await asyncio.gather(_entries(conn, project, rows[-1].seq), asyncio.to_thread(_take, check, rows))
        head = (await conn.execute(_HEAD, where)).first()
        stray = (await conn.execute(_STRAY, where)).scalars()
        check.end(None if head is None else (head.seq, head.hash), stray)
        for act in (await conn.execute(_UNWRITTEN, where)).scalars():
            check.fault(f"{act} has no entry")
        first = 1 if since is None else since[0]
        return {"ok": not check.found, "from": first, "entries": check.seq, "head": check.hash, "problems": check.found}

    async def _go_on(
        self, conn: AsyncConnection, check: ChainCheck, where: dict[str, str], since: tuple[int, str]
    ) -> None:
        """Let `check` begin at an entry that was checked before: it is read again, as the first one."""
        hashes = {
            row.seq: row for row in await conn.execute(_AT, {**where, "seqs": [since[0], (check.expected or since)[0]]})
        }
        if since[0] not in hashes or hashes[since[0]].hash != since[1]:
            check.fault(f"entry {since[0]} is not the one that was checked before")
            return
        check.seq, check.hash = since[0] - 1, hashes[since[0]].previous
        if check.expected is not None and check.expected[0] < since[0]:
            seq, head = check.expected
            if seq in hashes and hashes[seq].hash == head:
                check.expected = None


async def _entries(conn: AsyncConnection, project: str, after: int) -> Sequence[Row[Any]]:
    return (await conn.execute(_ENTRIES, {"project": project, "after": after, "limit": _BATCH})).all()


def _take(check: ChainCheck, rows: Sequence[Row[Any]]) -> None:
    check.take(
        (AuditEntry(row.seq, row.kind, row.entry, row.previous, row.hash), row.anchored, row.signature) for row in rows
    )
