"""The outbox on PostgreSQL: messages to send, and the leases of the relays that send them."""

import json
from collections.abc import Collection, Sequence
from uuid import UUID
from zlib import crc32

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events.message import Message
from shared.messaging.outbox_holds import NOTHING_HELD, Held
from shared.messaging.store import Pending

_COLUMNS = {
    "shard": "smallint",
    "event_id": "uuid",
    "topic": "text",
    "key": "text",
    "headers": "jsonb",
    "payload": "bytea",
}


def shard_of(key: str, shards: int) -> int:
    """Return the relay shard of a message key: one relay sends all messages of a key, in order."""
    return crc32(key.encode()) % shards


def insert_statement(schema: str, placeholders: Sequence[str]) -> str:
    """Return the SQL that adds messages to a schema's outbox.

    `placeholders` are the driver's names of six array parameters: shards, event ids, topics, keys, headers (JSON),
    payloads.
    """
    arrays = ", ".join(
        f"CAST({placeholder} AS {kind}[])" for placeholder, kind in zip(placeholders, _COLUMNS.values(), strict=True)
    )
    return f"INSERT INTO {schema}.outbox ({', '.join(_COLUMNS)}) SELECT * FROM unnest({arrays})"


class OutboxStatements:
    """Writes and reads the outbox on the caller's connection; the SQL is that of one schema."""

    def __init__(self, schema: str) -> None:
        self._add = text(insert_statement(schema, (":shards", ":ids", ":topics", ":keys", ":headers", ":payloads")))
        # Sizes are read without the payloads, a shard at a time by its index; only what fits is loaded.
        self._pending = text(
            f"""WITH waiting AS (
                  SELECT o.id, octet_length(o.payload) AS size FROM unnest(CAST(:shards AS smallint[])) AS s(shard)
                  CROSS JOIN LATERAL (
                    SELECT id, payload FROM {schema}.outbox
                    WHERE sent_at IS NULL AND shard = s.shard AND NOT topic = ANY(CAST(:topics AS text[]))
                      AND (topic, key) NOT IN (
                        SELECT * FROM unnest(CAST(:key_topics AS text[]), CAST(:keys AS text[])))
                    ORDER BY id LIMIT :limit) AS o
                  ORDER BY o.id LIMIT :limit),
                sized AS (SELECT id, sum(size) OVER (ORDER BY id) AS total, size FROM waiting)
                SELECT o.id, o.topic, o.key, o.headers, o.payload FROM sized JOIN {schema}.outbox AS o USING (id)
                WHERE sized.total <= :max_bytes OR sized.total = sized.size ORDER BY o.id"""
        )
        self._oldest_unsent = text(
            f"""SELECT extract(epoch FROM clock_timestamp() - min(o.created_at)) AS age
                FROM generate_series(0, :shards - 1) AS s(shard) CROSS JOIN LATERAL (
                  SELECT created_at FROM {schema}.outbox WHERE sent_at IS NULL AND shard = s.shard
                  ORDER BY id LIMIT 1) AS o"""
        )
        self._mark_sent = text(f"UPDATE {schema}.outbox SET sent_at = now() WHERE id = ANY(:ids)")

    async def add(self, conn: AsyncConnection, shards: int, messages: Sequence[tuple[UUID, Message]]) -> None:
        """Add messages with their event ids; `shards` is the number of relay shards."""
        await conn.execute(
            self._add,
            {
                "shards": [shard_of(message.key, shards) for _, message in messages],
                "ids": [event_id for event_id, _ in messages],
                "topics": [message.topic for _, message in messages],
                "keys": [message.key for _, message in messages],
                "headers": [json.dumps(message.headers) for _, message in messages],
                "payloads": [message.value for _, message in messages],
            },
        )

    async def pending(
        self, conn: AsyncConnection, shards: Collection[int], limit: int, max_bytes: int, held: Held = NOTHING_HELD
    ) -> list[Pending]:
        """Return unsent messages; see `shared.messaging.store.Outbox.pending`."""
        values = {
            "shards": list(shards),
            "limit": limit,
            "max_bytes": max_bytes,
            "topics": held.topics,
            "key_topics": [topic for topic, _ in held.keys],
            "keys": [key for _, key in held.keys],
        }
        rows = await conn.execute(self._pending, values)
        return [
            Pending(row.id, Message(row.topic, row.key, row.payload, tuple((n, v) for n, v in row.headers)))
            for row in rows
        ]

    async def oldest_unsent(self, conn: AsyncConnection, shards: int) -> float | None:
        """Return the age of the oldest unsent message in seconds; None if all are sent."""
        age = await conn.scalar(self._oldest_unsent, {"shards": shards})
        return None if age is None else max(0.0, float(age))

    async def mark_sent(self, conn: AsyncConnection, ids: Sequence[int]) -> None:
        await conn.execute(self._mark_sent, {"ids": list(ids)})


class LeaseStatements:
    """Takes and checks the leases of relays on the caller's connection; the SQL is that of one schema."""

    def __init__(self, schema: str) -> None:
        self._lease = text(
            f"""INSERT INTO {schema}.relay_lease AS l (shard, owner, token, expires_at)
                SELECT shard, :owner, 1, now() + make_interval(secs => :ttl)
                FROM generate_series(0, :shards - 1) AS shard
                ON CONFLICT (shard) DO UPDATE
                  SET token = l.token + CASE WHEN l.owner = :owner THEN 0 ELSE 1 END,
                      owner = :owner, expires_at = now() + make_interval(secs => :ttl)
                  WHERE l.owner = :owner OR l.expires_at < now()
                RETURNING shard, token"""
        )
        self._release = text(
            f"UPDATE {schema}.relay_lease SET expires_at = now() - interval '1 second' WHERE owner = :owner"
        )
        self._held = text(
            f"""SELECT shard, token FROM {schema}.relay_lease
                WHERE owner = :owner AND shard = ANY(:shards) FOR SHARE"""
        )

    async def lease(self, conn: AsyncConnection, shards: int, owner: str, ttl: float) -> dict[int, int]:
        """Take or renew leases for `ttl` seconds; return shard → fencing token."""
        rows = await conn.execute(self._lease, {"owner": owner, "ttl": ttl, "shards": shards})
        return {row.shard: row.token for row in rows}

    async def release(self, conn: AsyncConnection, owner: str) -> None:
        await conn.execute(self._release, {"owner": owner})

    async def lock(self, conn: AsyncConnection, owner: str, shards: Collection[int]) -> dict[int, int]:
        """Lock the leases that `owner` holds on `shards` until the transaction ends; return shard → fencing token."""
        rows = await conn.execute(self._held, {"owner": owner, "shards": list(shards)})
        return {row.shard: row.token for row in rows}
