"""The collector's repository on PostgreSQL, by asyncpg directly, because it is on the hot path."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from collector.domain.group_plan import contexts_of
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
from collector.domain.outbox_messages import slot_and_id
from collector.storage import queries as sql
from shared.messaging.sql_outbox import insert_parameters

ANY_BODY = bytes(16)
"""The body hash of a receipt that matches any body."""


T = TypeVar("T")


class PostgresRepository:
    """`collector.domain.model.Repository` on a connection with an open transaction.

    Rows are written in the order of their keys, so that instances that write the same rows can't deadlock.
    """

    def __init__(self, pg: Any, shards: int) -> None:
        self._pg = pg
        self._shards = shards

    async def list_erased(self, users: Sequence[str]) -> set[str]:
        return {row["key"] for row in await self._pg.fetch(sql.LIST_ERASED, users)}

    async def save_claims(self, claims: Sequence[Claim]) -> dict[bytes, bytes | None]:
        packed = b"".join(sorted(claim.key + (claim.body or ANY_BODY) for claim in claims))
        saved = await self._pg.fetch(sql.SAVE_CLAIMS, packed)
        if len(saved) == len(claims):
            return {}
        existing = list({claim.key for claim in claims}.difference(row[0] for row in saved))
        rows = await self._pg.fetch(sql.LIST_CLAIMS, existing)
        return {key: None if body == ANY_BODY else body for key, body in rows}

    async def delete_claims(self, keys: Sequence[bytes]) -> None:
        await self._pg.execute(sql.DELETE_CLAIMS, keys)

    async def save_executions(self, executions: Sequence[NewExecution]) -> None:
        await self._pg.execute(sql.SAVE_EXECUTIONS, *execution_columns(executions))

    async def lock_execution(self, reference: bytes) -> RecordedExecution | None:
        row = await self._pg.fetchrow(sql.LOCK_EXECUTION, reference)
        return None if row is None else RecordedExecution(*row)

    async def update_execution(
        self, reference: bytes, execution: RecordedExecution, session: bytes | None = None
    ) -> None:
        await self._pg.execute(
            sql.UPDATE_EXECUTION, reference, execution.facts, execution.values, execution.revision, session
        )

    async def pop_waiting_feedback(
        self, executions: Sequence[NewExecution]
    ) -> list[tuple[WaitingFeedback, ExecutionContext]]:
        facts = contexts_of(executions).first
        rows = await self._pg.fetch(sql.POP_WAITING_FEEDBACK, list(facts))
        return [(to_waiting_feedback(row), facts[row["reference"]]) for row in sorted(rows, key=lambda row: row["id"])]

    async def replace_current_feedback(self, feedback: Sequence[NewFeedback]) -> dict[bytes, CurrentFeedback]:
        rows = sorted(feedback, key=lambda item: item.slot)
        found = await self._pg.fetch(
            sql.REPLACE_CURRENT_FEEDBACK,
            b"".join([row.slot + row.reference + bytes.fromhex(row.id.replace("-", "")) for row in rows]),
            [row.value for row in rows],
            [row.label for row in rows],
            max(row.origin.received_at for row in rows),
        )
        return {
            slot: CurrentFeedback(
                None if feedback_id is None else PreviousFeedback(str(UUID(bytes=feedback_id)), value, label),
                None if target is None else ExecutionContext(target, facts, mixed=mixed),
            )
            for slot, feedback_id, value, label, target, facts, mixed in found
        }

    async def save_observed_prompts(
        self, observed: Sequence[tuple[Origin, ObservedPrompt]]
    ) -> list[tuple[Origin, ObservedPrompt]]:
        wanted: dict[tuple[str, ...], tuple[Origin, ObservedPrompt]] = {}
        for origin, prompt in observed:
            key = (origin.project, origin.environment, prompt.name, prompt.digest)
            if key not in wanted or (prompt.document and not wanted[key][1].document):
                wanted[key] = (origin, prompt)
        keys = sorted(wanted)
        rows = await self._pg.fetch(
            sql.SAVE_OBSERVED_PROMPTS,
            *([key[part] for key in keys] for part in range(4)),
            [wanted[key][1].document is not None for key in keys],
            [wanted[key][0].received_at for key in keys],
        )
        return [wanted[tuple(row)] for row in rows]

    async def retract_current_feedback(self, feedback: Sequence[NewFeedback]) -> None:
        await self._pg.execute(
            sql.RETRACT_CURRENT_FEEDBACK,
            [item.slot for item in feedback],
            [UUID(item.id).bytes for item in feedback],
        )

    async def save_waiting_feedback(self, waiting: Sequence[WaitingFeedback]) -> None:
        await self._pg.execute(sql.SAVE_WAITING_FEEDBACK, *waiting_columns(waiting))

    async def emit(self, outgoing: Sequence[OutgoingEvent]) -> None:
        await self._pg.execute(sql.EMIT, *insert_parameters(outgoing, self._shards))

    async def list_joinable_feedback(
        self, since: datetime, limit: int
    ) -> list[tuple[int, WaitingFeedback, ExecutionContext | None]]:
        """Return feedback received at `since` or later that waits although its execution is known.

        As (row id, feedback, execution); rows that another instance has locked are skipped.
        """
        rows = await self._pg.fetch(sql.LIST_JOINABLE_FEEDBACK, since, limit)
        found = [(row["id"], to_waiting_feedback(row), _context(row)) for row in rows]
        await self._retract([(entry, *slot_and_id(entry)) for _, entry, execution in found if execution.mixed])
        return [*found]

    async def list_overdue_feedback(
        self, before: datetime, limit: int
    ) -> list[tuple[int, WaitingFeedback, ExecutionContext | None]]:
        """Return feedback received before `before`, with its execution or None where that is still unknown.

        Feedback sent without an execution is never counted, so its value is removed from what replaces it.
        """
        rows = await self._pg.fetch(sql.LIST_OVERDUE_FEEDBACK, before, limit)
        if not rows:
            return []
        found = [(row["id"], to_waiting_feedback(row)) for row in rows]
        current = {row: slot_and_id(entry) for row, entry in found}
        # Lock before reading: a transaction that replaced one of them has then committed, and its execution is visible.
        await self._pg.execute(sql.LOCK_CURRENT_FEEDBACK, [slot for slot, _ in current.values()])
        known = await self._pg.fetch(sql.LIST_FACTS, list({entry.reference for _, entry in found}))
        facts = {row["reference"]: _context(row) for row in known}
        counted = {reference for reference, execution in facts.items() if not execution.mixed}
        await self._retract([(entry, *current[row]) for row, entry in found if entry.reference not in counted])
        return [(row, entry, facts.get(entry.reference)) for row, entry in found]

    async def _retract(self, unjoined: Sequence[tuple[WaitingFeedback, bytes, UUID]]) -> None:
        """Remove the values of feedback (entry, slot, feedback id) that is not counted: unjoined, or mixed."""
        if not unjoined:
            return
        ids = [feedback_id for _, _, feedback_id in unjoined]
        await self._pg.execute(
            sql.RETRACT_CURRENT_FEEDBACK, [slot for _, slot, _ in unjoined], [feedback_id.bytes for feedback_id in ids]
        )
        await self._pg.execute(
            sql.RETRACT_REPLACED_FEEDBACK,
            [entry.reference for entry, _, _ in unjoined],
            [str(feedback_id) for feedback_id in ids],
        )

    async def delete_waiting_feedback(self, rows: Sequence[int]) -> None:
        await self._pg.execute(sql.DELETE_WAITING_FEEDBACK, rows)

    async def add_ever_served_digests(self, prompts: Sequence[tuple[str, str, str, str]]) -> None:
        """Add (project, environment, name, digest) of prompts that Ratchet serves; they stay when it no longer does."""
        rows = sorted(set(prompts))
        await self._pg.execute(sql.ADD_EVER_SERVED_DIGESTS, *([row[part] for row in rows] for part in range(4)))

    async def get_pseudonym_key(self, secret: bytes) -> tuple[str, bytes]:
        """Return the id and the secret of the pseudonym key; store `secret` as one where there is none."""
        await self._pg.execute(sql.SAVE_PSEUDONYM_KEY, "k1", secret)
        row = await self._pg.fetchrow(sql.GET_PSEUDONYM_KEY)
        return row["id"], row["secret"]

    async def delete_expired(self, now: datetime, ages: dict[str, timedelta]) -> None:
        """Delete the rows of each named table that are older than its age by this clock and by the database's."""
        for table, age in ages.items():
            await self._pg.execute(sql.DELETE_EXPIRED[table], now, age)


def _context(row: Any) -> ExecutionContext:
    return ExecutionContext(row["target"], row["facts"], mixed=row["mixed"])


def to_waiting_feedback(row: Any) -> WaitingFeedback:
    """Return a row of `waiting`."""
    origin = Origin(row["project"], row["environment"], row["received_at"], row["traceparent"])
    return WaitingFeedback(str(row["event_id"]), origin, row["reference"], row["payload"])


def sparse(column: list[T]) -> list[T]:
    """Return a column, without its values where all are None: `unnest` fills up what another column has more.

    The driver calls Python twice for each value of an array.
    """
    return [] if column.count(None) == len(column) else column  # type: ignore[arg-type]


def execution_columns(executions: Sequence[NewExecution]) -> tuple[object, ...]:
    """Return the columns of executions, in the order of their keys."""
    rows = sorted(executions, key=lambda execution: execution.reference)
    return (
        [row.reference for row in rows],
        sparse([row.trace for row in rows]),
        sparse([row.session for row in rows]),
        [row.version for row in rows],
        [row.origin.project for row in rows],
        [row.origin.environment for row in rows],
        [row.target for row in rows],
        [row.facts for row in rows],
        [row.values for row in rows],
        [row.origin.received_at for row in rows],
    )


def waiting_columns(waiting: Sequence[WaitingFeedback]) -> tuple[object, ...]:
    """Return the columns of feedback that waits for its execution."""
    return (
        [row.event_id for row in waiting],
        [row.reference for row in waiting],
        [row.origin.project for row in waiting],
        [row.origin.environment for row in waiting],
        [row.payload for row in waiting],
        [row.origin.received_at for row in waiting],
        sparse([row.origin.traceparent for row in waiting]),
    )
