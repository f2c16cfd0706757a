"""The collector's books on PostgreSQL: asyncpg without a layer above it, since this is the hot path."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from collector.domain.messages import current_feedback
from collector.domain.model import (
    Claim,
    CurrentFeedback,
    ExecutionContext,
    NewExecution,
    NewFeedback,
    ObservedPrompt,
    Origin,
    OutgoingEvent,
    PreviousFeedback,
    RecordedExecution,
    WaitingFeedback,
)
from collector.storage import statements as sql
from shared.messaging.sql_store import shard_of

_ANY_BODY = bytes(16)  # in a receipt: nothing that a repeat must match


class PostgresRepository:
    """`collector.domain.model.Books` on a connection with an open transaction.

    Rows are written in the order of their keys: two instances that write the same ones wait for each other,
    and never both.
    """

    def __init__(self, pg: Any, shards: int) -> None:
        self._pg = pg
        self._shards = shards

    async def claim(self, claims: Sequence[Claim]) -> dict[bytes, bytes | None]:
        packed = b"".join(sorted(claim.key + (claim.body or _ANY_BODY) for claim in claims))
        free = await self._pg.fetch(sql.CLAIM, packed)
        if len(free) == len(claims):
            return {}
        taken = list({claim.key for claim in claims}.difference(row[0] for row in free))
        rows = await self._pg.fetch(sql.CLAIMED, taken)
        return {key: None if body == _ANY_BODY else body for key, body in rows}

    async def unclaim(self, keys: Sequence[bytes]) -> None:
        await self._pg.execute(sql.UNCLAIM, keys)

    async def add_executions(self, executions: Sequence[NewExecution]) -> None:
        rows = sorted(executions, key=lambda execution: execution.reference)
        await self._pg.execute(
            sql.ADD_EXECUTIONS,
            [row.reference for row in rows],
            [row.trace for row in rows],
            [row.origin.project for row in rows],
            [row.origin.environment for row in rows],
            [row.target for row in rows],
            [row.facts for row in rows],
            [row.values for row in rows],
            [row.origin.received_at for row in rows],
        )

    async def lock_execution(self, reference: bytes) -> RecordedExecution | None:
        row = await self._pg.fetchrow(sql.LOCK_EXECUTION, reference)
        return None if row is None else RecordedExecution(*row)

    async def save_execution(self, reference: bytes, execution: RecordedExecution) -> None:
        await self._pg.execute(sql.SAVE_EXECUTION, reference, execution.facts, execution.values, execution.revision)

    async def release(self, executions: Sequence[NewExecution]) -> list[tuple[WaitingFeedback, ExecutionContext]]:
        facts: dict[bytes, ExecutionContext] = {}
        for execution in executions:
            for reference in (execution.reference, execution.trace):
                if reference is not None:
                    facts.setdefault(reference, ExecutionContext(execution.target, execution.facts))
        rows = await self._pg.fetch(sql.RELEASE, list(facts))
        return [(_waiting(row), facts[row["reference"]]) for row in sorted(rows, key=lambda row: row["id"])]

    async def put_opinions(self, feedback: Sequence[NewFeedback]) -> dict[bytes, CurrentFeedback]:
        rows = sorted(feedback, key=lambda item: item.slot)
        found = await self._pg.fetch(
            sql.PUT_OPINIONS,
            b"".join([row.slot + row.reference + bytes.fromhex(row.id.replace("-", "")) for row in rows]),
            [row.value for row in rows],
            [row.label for row in rows],
            max(row.origin.received_at for row in rows),
        )
        return {
            slot: CurrentFeedback(
                None if feedback_id is None else PreviousFeedback(str(UUID(bytes=feedback_id)), value, label),
                None if target is None else ExecutionContext(target, facts),
            )
            for slot, feedback_id, value, label, target, facts in found
        }

    async def observe(self, sightings: Sequence[tuple[Origin, ObservedPrompt]]) -> list[tuple[Origin, ObservedPrompt]]:
        wanted: dict[tuple[str, ...], tuple[Origin, ObservedPrompt]] = {}
        for origin, sighting in sightings:
            key = (origin.project, origin.environment, sighting.name, sighting.digest)
            if key not in wanted or (sighting.document and not wanted[key][1].document):
                wanted[key] = (origin, sighting)
        keys = sorted(wanted)
        rows = await self._pg.fetch(
            sql.OBSERVE,
            *([key[part] for key in keys] for part in range(4)),
            [wanted[key][1].document is not None for key in keys],
            [wanted[key][0].received_at for key in keys],
        )
        return [wanted[tuple(row)] for row in rows]

    async def wait(self, waiting: Sequence[WaitingFeedback]) -> None:
        await self._pg.execute(
            sql.WAIT,
            [row.event_id for row in waiting],
            [row.reference for row in waiting],
            [row.origin.project for row in waiting],
            [row.origin.environment for row in waiting],
            [row.payload for row in waiting],
            [row.origin.received_at for row in waiting],
            [row.origin.traceparent for row in waiting],
        )

    async def emit(self, outgoing: Sequence[OutgoingEvent]) -> None:
        messages = [event.message for event in outgoing]
        await self._pg.execute(
            sql.EMIT,
            [shard_of(message.key, self._shards) for message in messages],
            [event.event_id for event in outgoing],
            [message.topic for message in messages],
            [message.key for message in messages],
            [to_json(message.headers).decode() for message in messages],
            [message.value for message in messages],
        )

    async def joinable(self, since: datetime, limit: int) -> list[tuple[int, WaitingFeedback, ExecutionContext | None]]:
        """Feedback that waits since `since` or later though its execution is known; (row, feedback, execution).

        Rows that another instance works on are left out.
        """
        rows = await self._pg.fetch(sql.JOINABLE, since, limit)
        return [(row["id"], _waiting(row), ExecutionContext(row["target"], row["facts"])) for row in rows]

    async def overdue(self, before: datetime, limit: int) -> list[tuple[int, WaitingFeedback, ExecutionContext | None]]:
        """Feedback that waits since before `before`, as from `joinable`, or for an execution that is still unknown.

        What goes out without execution is never counted: what replaces it has no value to take back.
        """
        rows = await self._pg.fetch(sql.OVERDUE, before, limit)
        if not rows:
            return []
        found = [(row["id"], _waiting(row)) for row in rows]
        opinions = {row: current_feedback(entry) for row, entry in found}
        # First held, then looked up: who replaced one of them by now, and knew its execution, shows it to us too.
        await self._pg.execute(sql.HOLD_OPINIONS, [slot for slot, _ in opinions.values()])
        known = await self._pg.fetch(sql.FACTS, list({entry.reference for _, entry in found}))
        facts = {reference: ExecutionContext(target, facts) for reference, target, facts in known}
        await self._uncount([(entry, *opinions[row]) for row, entry in found if entry.reference not in facts])
        return [(row, entry, facts.get(entry.reference)) for row, entry in found]

    async def _uncount(self, gone: Sequence[tuple[WaitingFeedback, bytes, UUID]]) -> None:
        """Takes the value out of opinions (entry, slot, feedback) that go out without execution."""
        ids = [feedback_id for _, _, feedback_id in gone]
        await self._pg.execute(
            sql.UNCOUNT_OPINIONS, [slot for _, slot, _ in gone], [feedback_id.bytes for feedback_id in ids]
        )
        await self._pg.execute(
            sql.UNCOUNT_REPLACED, [entry.reference for entry, _, _ in gone], [str(feedback_id) for feedback_id in ids]
        )

    async def forget_waiting(self, rows: Sequence[int]) -> None:
        await self._pg.execute(sql.FORGET_WAITING, rows)

    async def serve(self, prompts: Sequence[tuple[str, str, str, str]]) -> None:
        """Remembers (project, environment, name, digest) as served by Ratchet."""
        rows = sorted(set(prompts))
        await self._pg.execute(sql.SERVE, *([row[part] for row in rows] for part in range(4)))

    async def user_key(self, secret: bytes) -> tuple[str, bytes]:
        """The id and the secret that users are hashed with; `secret` becomes it where there is none."""
        await self._pg.execute(sql.ADD_USER_KEY, "k1", secret)
        row = await self._pg.fetchrow(sql.USER_KEY)
        return row["id"], row["secret"]

    async def purge(self, now: datetime, ages: dict[str, timedelta]) -> None:
        """Delete the rows of each named table that are older than its age by this clock and by the database's."""
        for table, age in ages.items():
            await self._pg.execute(sql.PURGE[table], now, age)


def _waiting(row: Any) -> WaitingFeedback:
    origin = Origin(row["project"], row["environment"], row["received_at"], row["traceparent"])
    return WaitingFeedback(str(row["event_id"]), origin, row["reference"], row["payload"])
