"""Erasure of a user from messages in a service's tables: its outbox and its dead letters."""

from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.messaging.packed_messages import rewrite_packed_row

Rewrite = Callable[[str, bytes], bytes | None]
"""(topic, payload) → the payload without the user; the same payload if it has nothing of them; None: no message."""

SLICE = 500
"""Rows of the outbox, which have at most 256 KB each unless a message is larger, that one statement looks at."""


class OutboxRange(NamedTuple):
    """The ids of the oldest and the newest row of an outbox; `last` < `first` if it is empty."""

    first: int
    last: int


class MessageErasure:
    """Rewrites messages in the caller's transaction; the SQL is that of one schema."""

    def __init__(self, schema: str) -> None:
        self._range = text(f"SELECT coalesce(min(id), 1), coalesce(max(id), 0) FROM {schema}.outbox")
        self._find = text(
            f"""SELECT id, topic, event_ids, messages, sent FROM {schema}.outbox
                WHERE id BETWEEN :first AND :last AND topic = ANY(CAST(:topics AS text[]))
                  AND (CAST(:needle AS bytea) IS NULL OR position(CAST(:needle AS bytea) IN messages) > 0)
                ORDER BY id FOR UPDATE"""
        )
        self._update = text(f"UPDATE {schema}.outbox SET messages = :messages WHERE id = :id")
        self._delete = text(f"DELETE FROM {schema}.outbox WHERE id = :id")
        # The remaining messages get a new row: a relay that has read the old one cannot mark the wrong ones as sent.
        self._replace = text(
            f"""INSERT INTO {schema}.outbox (shard, topic, key, event_ids, messages, sent, created_at, sent_at)
                SELECT shard, topic, key, :event_ids, :messages, :sent, created_at, sent_at
                FROM {schema}.outbox WHERE id = :id"""
        )
        self._letters = text(
            f"""UPDATE {schema}.dead_letters
                SET payload = '', status = CASE status WHEN 'parked' THEN 'discarded' ELSE status END,
                    settled_at = coalesce(settled_at, now())
                WHERE (project IS NULL OR project = :project) AND position(CAST(:needle AS bytea) IN payload) > 0"""
        )

    async def outbox_range(self, conn: AsyncConnection) -> OutboxRange:
        """Return the range of ids in the outbox now. Whoever adds later rows has seen the tombstone."""
        row = (await conn.execute(self._range)).one()
        return OutboxRange(row[0], row[1])

    async def rewrite_outbox(
        self, conn: AsyncConnection, rows: OutboxRange, topics: Collection[str], needle: bytes | None, rewrite: Rewrite
    ) -> int:
        """Rewrite the messages of some rows, if they have `needle` somewhere; return the number of changed messages."""
        changed = 0
        for first in range(rows.first, rows.last + 1, SLICE):
            values = {"first": first, "last": min(first + SLICE - 1, rows.last), "topics": list(topics)}
            found = (await conn.execute(self._find, {**values, "needle": needle})).all()
            for row in found:
                changed += await self._rewrite_row(conn, row, rewrite)
        return changed

    async def _rewrite_row(self, conn: AsyncConnection, row: Row[Any], rewrite: Rewrite) -> int:
        result = rewrite_packed_row(row.event_ids, row.messages, row.sent, lambda payload: rewrite(row.topic, payload))
        if result.removed == 0 and result.changed:
            await conn.execute(self._update, {"id": row.id, "messages": result.messages})
        if result.removed:
            if result.event_ids:
                values = {"event_ids": result.event_ids, "messages": result.messages, "sent": result.sent_count}
                await conn.execute(self._replace, {"id": row.id, **values})
            await conn.execute(self._delete, {"id": row.id})
        return result.changed + result.removed

    async def erase_dead_letters(self, conn: AsyncConnection, project: str, subject: str) -> int:
        """Empty and discard the dead letters that name `subject`; return their number."""
        done = await conn.execute(self._letters, {"project": project, "needle": subject.encode()})
        return done.rowcount
