"""The outbox on PostgreSQL: messages to send, and the leases of the relays that send them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events.message import EncodedMessage, OutgoingMessage
from shared.messaging.outbox_holds import NOTHING_HELD, Held
from shared.messaging.packed_messages import ID_BYTES, PackedRow, Unreadable, pack, unpack
from shared.messaging.store import Pending, Progress

_COLUMNS = {"shard": "smallint", "topic": "text", "key": "text", "event_ids": "bytea", "messages": "bytea"}
_COUNT = f"octet_length(event_ids) / {ID_BYTES}"
"""SQL: the number of messages in a row."""


def insert_statement(schema: str, placeholders: Sequence[str]) -> str:
    """Return the SQL that adds rows to a schema's outbox.

    `placeholders` are the driver's names of five array parameters, as `insert_parameters` returns them.
    """
    arrays = ", ".join(
        f"CAST({placeholder} AS {kind}[])" for placeholder, kind in zip(placeholders, _COLUMNS.values(), strict=True)
    )
    return f"INSERT INTO {schema}.outbox ({', '.join(_COLUMNS)}) SELECT * FROM unnest({arrays})"


def insert_parameters(
    messages: Iterable[tuple[UUID | str, OutgoingMessage | EncodedMessage]], shards: int
) -> tuple[list[Any], ...]:
    """Return the parameters of `insert_statement` for messages with their event ids, packed into few rows (pure)."""
    rows = pack(messages, shards)
    return tuple([row[column] for row in rows] for column in range(len(PackedRow._fields)))


def _pending_query(schema: str) -> str:
    """Return the SQL that reads unsent rows: the sizes of each shard first, then only the messages that fit."""
    return f"""WITH waiting AS (
          SELECT o.id, octet_length(o.messages) AS size FROM unnest(CAST(:shards AS smallint[])) AS s(shard)
          CROSS JOIN LATERAL (
            SELECT id, messages FROM {schema}.outbox
            WHERE sent_at IS NULL AND set_aside_at IS NULL AND shard = s.shard
              AND NOT topic = ANY(CAST(:topics AS text[]))
              AND (topic, key) NOT IN (
                SELECT * FROM unnest(CAST(:key_topics AS text[]), CAST(:keys AS text[])))
            ORDER BY id LIMIT :limit) AS o
          ORDER BY o.id LIMIT :limit),
        sized AS (SELECT id, sum(size) OVER (ORDER BY id) AS total, size FROM waiting)
        SELECT o.id, o.topic, o.key, octet_length(o.event_ids) AS event_ids, o.messages, o.sent
        FROM sized JOIN {schema}.outbox AS o USING (id)
        WHERE sized.total <= :max_bytes OR sized.total = sized.size ORDER BY o.id"""


def _mark_sent_statement(schema: str) -> str:
    """Return the SQL that records what was sent, if each lease is held with its token."""
    # The leases are locked until the statement commits. A row whose `sent` is not what the relay read was meanwhile
    # published again: it stays as it is.
    return f"""WITH held AS (
          SELECT shard, token FROM {schema}.relay_lease
          WHERE owner = :owner AND shard = ANY(CAST(:shards AS smallint[])) FOR SHARE),
        valid AS (
          SELECT count(*) = cardinality(CAST(:shards AS smallint[])) AS leases FROM held
          JOIN unnest(CAST(:shards AS smallint[]), CAST(:tokens AS bigint[])) AS t(shard, token)
            USING (shard, token)),
        marked AS (
          UPDATE {schema}.outbox AS o
          SET sent = done.sent, sent_at = CASE WHEN done.sent >= {_COUNT} THEN now() END
          FROM unnest(CAST(:ids AS bigint[]), CAST(:firsts AS integer[]), CAST(:sents AS integer[]))
            AS done(id, first, sent)
          WHERE o.id = done.id AND o.sent = done.first AND o.sent_at IS NULL AND (SELECT leases FROM valid))
        SELECT leases FROM valid"""


class OutboxStatements:
    """Writes and reads the outbox on the caller's connection; the SQL is that of one schema."""

    def __init__(self, schema: str) -> None:
        self._add = text(insert_statement(schema, [f":{name}" for name in PackedRow._fields]))
        self._pending = text(_pending_query(schema))
        self._oldest_unsent = text(
            f"""SELECT extract(epoch FROM clock_timestamp() - min(o.created_at)) AS age
                FROM generate_series(0, :shards - 1) AS s(shard) CROSS JOIN LATERAL (
                  SELECT created_at FROM {schema}.outbox
                  WHERE sent_at IS NULL AND set_aside_at IS NULL AND shard = s.shard
                  ORDER BY id LIMIT 1) AS o"""
        )
        self._mark_sent = text(_mark_sent_statement(schema))
        self._set_aside = text(f"UPDATE {schema}.outbox SET set_aside_at = now() WHERE id = ANY(:ids)")
        self._count_set_aside = text(f"SELECT count(*) FROM {schema}.outbox WHERE set_aside_at IS NOT NULL")

    async def add(
        self, conn: AsyncConnection, shards: int, messages: Iterable[tuple[UUID | str, OutgoingMessage]]
    ) -> None:
        """Add messages with their event ids; `shards` is the number of relay shards."""
        columns = insert_parameters(messages, shards)
        await conn.execute(self._add, dict(zip(PackedRow._fields, columns, strict=True)))

    async def pending(
        self, conn: AsyncConnection, shards: Collection[int], limit: int, max_bytes: int, held: Held = NOTHING_HELD
    ) -> list[Pending]:
        """Return unsent rows; see `shared.messaging.store.Outbox.pending`."""
        values = {
            "shards": list(shards),
            "limit": limit,
            "max_bytes": max_bytes,
            "topics": held.topics,
            "key_topics": [topic for topic, _ in held.keys],
            "keys": [key for _, key in held.keys],
        }
        return [_pending(row) for row in await conn.execute(self._pending, values)]

    async def oldest_unsent(self, conn: AsyncConnection, shards: int) -> float | None:
        """Return the age of the oldest unsent message in seconds; None if all are sent."""
        age = await conn.scalar(self._oldest_unsent, {"shards": shards})
        return None if age is None else max(0.0, float(age))

    async def mark_sent(
        self, conn: AsyncConnection, tokens: Mapping[int, int], owner: str, progress: Sequence[Progress]
    ) -> bool:
        """Record what was sent in one statement; see `shared.messaging.store.Outbox.mark_sent`."""
        values = {
            "owner": owner,
            "shards": list(tokens),
            "tokens": list(tokens.values()),
            "ids": [done.id for done in progress],
            "firsts": [done.first for done in progress],
            "sents": [done.sent for done in progress],
        }
        return bool(await conn.scalar(self._mark_sent, values))

    async def set_aside(self, conn: AsyncConnection, ids: Sequence[int]) -> None:
        await conn.execute(self._set_aside, {"ids": list(ids)})

    async def count_set_aside(self, conn: AsyncConnection) -> int:
        return int(await conn.scalar(self._count_set_aside) or 0)


def _pending(row: Any) -> Pending:
    found = Pending(row.id, row.topic, row.key, row.sent, len(row.messages), ())
    try:
        messages = unpack(row.topic, row.key, row.event_ids, row.messages, row.sent)
    except Unreadable as error:
        return found._replace(fault=str(error))
    return found._replace(messages=tuple(messages), fault=None if messages else "it has no unsent message")


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
