"""Verification of a stored audit chain: one run at a time, in constant memory, hashing in a thread."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatekeeper.domain.audit_chain_verification import Anchor, AuditEntry, ChainCheck
from gatekeeper.domain.signer import Signer
from gatekeeper.storage.audit import AuditRepository

_BATCH = 1000
"""Rows per fetch; receiving them takes the event loop about 4 ms."""


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

        check = ChainCheck(verify_anchor, expected=expected)
        if since is not None:
            await _start_at(conn, check, project, since)
        repository = AuditRepository(conn)
        rows = await repository.list_chain(project, check.seq, _BATCH)
        while rows:
            # The database reads the next rows while these are checked.
            following = repository.list_chain(project, rows[-1].seq, _BATCH)
            rows, _ = await asyncio.gather(following, asyncio.to_thread(_add, check, rows))
        head = await repository.get_head(project)
        check.finish(head, await repository.list_stray_anchors(project))
        for change in await repository.list_changes_without_entry(project):
            check.add_fault(f"{change} has no entry")
        first = 1 if since is None else since[0]
        return {
            "ok": not check.faults,
            "from": first,
            "entries": check.seq,
            "head": check.hash,
            "problems": check.faults,
        }


async def _start_at(conn: AsyncConnection, check: ChainCheck, project: str, since: tuple[int, str]) -> None:
    """Start `check` with the entry `since`, which was verified before and is read again."""
    entries = await AuditRepository(conn).get_entries(project, [since[0], (check.expected or since)[0]])
    if since[0] not in entries or entries[since[0]].hash != since[1]:
        check.add_fault(f"entry {since[0]} is not the one that was verified before")
        return
    check.seq, check.hash = since[0] - 1, entries[since[0]].previous
    if check.expected is not None and check.expected[0] < since[0]:
        seq, head = check.expected
        if seq in entries and entries[seq].hash == head:
            check.expected = None


def _add(check: ChainCheck, rows: Sequence[Row[Any]]) -> None:
    check.add(
        (AuditEntry(row.seq, row.kind, row.entry, row.previous, row.hash), row.anchored, row.signature) for row in rows
    )
