"""Reads and writes groups of items in one statement each, which PostgreSQL commits by itself."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from collector.domain.group_plan import GroupReferences, GroupWrite, Replacement, Snapshot
from collector.domain.model import (
    ExecutionContext,
    NewExecution,
    NewFeedback,
    PreviousFeedback,
    WaitingFeedback,
)
from collector.storage.group_statements import LIST_WAITING_FEEDBACK, read_statement, write_statement
from collector.storage.repository import ANY_BODY, execution_columns, sparse, to_waiting_feedback, waiting_columns
from shared.messaging.sql_outbox import insert_parameters
from shared.runtime.failure_classification import sqlstate_of

Part = tuple[str, tuple[object, ...]]

_OUTDATED = ("23505", "22012", "40P01")
"""SQLSTATE if another write came between: a claim or a slot is taken, a counted row has changed or a user was erased
(1 / 0), a deadlock."""


class GroupRepository:
    """The tables of groups, on a connection without a transaction.

    Rows are written in the order of their keys, so that instances that write the same rows can't deadlock.
    """

    def __init__(self, pg: Any, shards: int) -> None:
        self._pg = pg
        self._shards = shards

    async def read(self, references: GroupReferences) -> Snapshot:
        """Return what is stored of a group's references."""
        waiting = await self._waiting(references.executions) if references.executions else {}
        claims: dict[bytes, bytes | None] = {}
        current: dict[bytes, PreviousFeedback] = {}
        executions: dict[bytes, ExecutionContext] = {}
        new_prompts = False
        for part, key, other, value, text, facts in await self._read(_read_parts(references)):
            if part == 1:
                claims[key] = None if other == ANY_BODY else other
            elif part == 2:
                current[key] = PreviousFeedback(str(UUID(bytes=other)), value, text)
            elif part == 3:
                executions[key] = ExecutionContext(text, facts, other, bool(value))
            else:
                new_prompts = True
        return Snapshot(claims, current, executions, waiting, new_prompts)

    async def _read(self, parts: Sequence[Part]) -> Sequence[Any]:
        if not parts:
            return ()
        statement = read_statement(tuple((name, len(values)) for name, values in parts))
        found: Sequence[Any] = await self._pg.fetch(statement, *(value for _, values in parts for value in values))
        return found

    async def _waiting(self, executions: Iterable[NewExecution]) -> dict[int, WaitingFeedback]:
        keys = {key for item in executions for key in (item.reference, item.trace, item.session) if key is not None}
        rows = await self._pg.fetch(LIST_WAITING_FEEDBACK, b"".join(keys))
        return {row["id"]: to_waiting_feedback(row) for row in rows}

    async def write(self, write: GroupWrite) -> bool:
        """Write and commit a group; return False, without a change, if its snapshot is outdated."""
        parts = _write_parts(write, self._shards)
        if not parts:
            return True
        statement = write_statement(tuple((name, len(values)) for name, values in parts))
        try:
            await self._pg.execute(statement, *(value for _, values in parts for value in values))
        except Exception as error:
            if sqlstate_of(error) in _OUTDATED:
                return False
            raise
        return True


def _read_parts(references: GroupReferences) -> list[Part]:
    parts: list[Part] = []
    if references.claims:
        parts.append(("claims", (b"".join([claim.key for claim in references.claims]),)))
    if references.feedback:
        parts.append(("current", (b"".join({item.slot for item in references.feedback}),)))
        keys: dict[str, set[bytes]] = {}
        for item in references.feedback:
            keys.setdefault(item.about, set()).add(item.reference)
        parts.extend((f"{about}s", (b"".join(found),)) for about, found in keys.items())
    prompts = {
        (item.origin.project, item.origin.environment, prompt.name, prompt.digest, prompt.document is not None)
        for item in references.executions
        for prompt in item.observed_prompts
    }
    if prompts:
        parts.append(("prompts", tuple(list(column) for column in zip(*prompts, strict=True))))
    return parts


def _write_parts(write: GroupWrite, shards: int) -> list[Part]:
    parts: list[Part] = []
    if write.claims:
        packed = sorted([claim.key + (claim.body or ANY_BODY) for claim in write.claims])
        parts.append(("claims", (b"".join(packed),)))
    if write.executions:
        parts.append(("executions", execution_columns(write.executions)))
    if write.first_feedback:
        parts.append(("first_feedback", _first_columns(write.first_feedback)))
    if write.replacements:
        parts.append(("replacements", _replacement_columns(write.replacements)))
    if write.waiting:
        parts.append(("waiting", waiting_columns(write.waiting)))
    if write.joined:
        parts.append(("joined", (write.joined, len(write.joined))))
    if write.users:
        parts.append(("erased", ("\x1f".join(write.users), 0)))
    if write.outgoing:
        parts.append(("outbox", insert_parameters(write.outgoing, shards)))
    return parts


def _first_columns(feedback: Sequence[NewFeedback]) -> tuple[object, ...]:
    rows = sorted(feedback, key=lambda item: item.slot)
    packed = b"".join([row.slot + bytes.fromhex(row.id.replace("-", "")) for row in rows])
    return packed, sparse([row.value for row in rows]), sparse([row.label for row in rows]), _received(rows)


def _replacement_columns(replacements: Sequence[Replacement]) -> tuple[object, ...]:
    rows = sorted(replacements, key=lambda row: row.feedback.slot)
    return (
        [row.feedback.slot for row in rows],
        [UUID(row.feedback.id).bytes for row in rows],
        [row.feedback.value for row in rows],
        [row.feedback.label for row in rows],
        [UUID(row.previous.feedback_id).bytes for row in rows],
        [row.previous.value for row in rows],
        [row.previous.label for row in rows],
        _received([row.feedback for row in rows]),
        len(rows),
    )


def _received(feedback: Sequence[NewFeedback]) -> datetime:
    return max([item.origin.received_at for item in feedback])
