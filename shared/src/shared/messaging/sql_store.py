"""The store on PostgreSQL."""

import json
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from operator import attrgetter
from uuid import UUID
from zlib import crc32

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.events import Envelope, derived_id
from shared.events.base import Event
from shared.events.message import MAX_PAYLOAD, Message
from shared.messaging.cloudevents import encode
from shared.messaging.consumed_positions import Gap, Partition
from shared.messaging.dead_letter_owner import Owner, claim_of
from shared.messaging.outbox_holds import NOTHING_HELD, Held
from shared.messaging.redaction import without_secrets
from shared.messaging.sql_positions import PositionStatements
from shared.messaging.store import DeadLetter, Pending

_bytes_of = attrgetter("bytes")

_MOST_HEADERS, _MOST_BYTES = 30, 300
"""Of what a sender wrote in a dead letter's mirror; each byte may become four."""


def shard_of(key: str, shards: int) -> int:
    """The relay shard of a key: all messages of one key leave in order through one relay."""
    return crc32(key.encode()) % shards


class _Statements:
    """All SQL of delivery, for one schema."""

    def __init__(self, schema: str) -> None:
        def sql(statement: str) -> TextClause:
            return text(statement.replace("{s}", schema))

        self.claim = sql(
            """WITH given AS (SELECT unnest(CAST(:ids AS uuid[])) AS id),
                    taken AS (INSERT INTO {s}.inbox (consumer, event_id) SELECT :consumer, id FROM given
                              ON CONFLICT DO NOTHING RETURNING event_id)
               SELECT id FROM given WHERE id NOT IN (SELECT event_id FROM taken)"""
        )
        self.emit = sql(
            """INSERT INTO {s}.outbox (shard, event_id, topic, key, headers, payload)
               SELECT * FROM unnest(CAST(:shards AS smallint[]), CAST(:ids AS uuid[]), CAST(:topics AS text[]),
                                    CAST(:keys AS text[]), CAST(:headers AS jsonb[]), CAST(:payloads AS bytea[]))"""
        )
        self.park = sql(
            """INSERT INTO {s}.dead_letters
                 (id, consumer, topic, partition, "offset", key, headers, payload, reason, detail, project, environment)
               VALUES (:id, :consumer, :topic, :partition, :offset, :key, CAST(:headers AS jsonb), :payload,
                       :reason, :detail, :project, :environment)
               ON CONFLICT (id) DO NOTHING RETURNING id"""
        )
        self.unpark = sql(
            """UPDATE {s}.dead_letters SET status = :status, settled_at = now()
               WHERE id = :id AND status = 'parked' RETURNING id"""
        )
        self.key_owner = sql("SELECT project, environment, secret_hash FROM {s}.api_keys WHERE key_id = :key_id")
        self.pause = sql(
            """INSERT INTO {s}.subscriptions (consumer, topic, paused_at, pause_reason)
               SELECT :consumer, topic, now(), :reason FROM unnest(CAST(:topics AS text[])) AS topic
               ON CONFLICT (consumer, topic) DO UPDATE SET paused_at = now(), pause_reason = :reason"""
        )
        self.resume = sql(
            """UPDATE {s}.subscriptions SET paused_at = NULL, pause_reason = NULL
               WHERE consumer = :consumer AND paused_at IS NOT NULL RETURNING topic"""
        )
        self.pause_reason = sql(
            "SELECT pause_reason FROM {s}.subscriptions WHERE consumer = :consumer AND paused_at IS NOT NULL LIMIT 1"
        )
        self.lease = sql(
            """INSERT INTO {s}.relay_lease AS l (shard, owner, token, expires_at)
               SELECT shard, :owner, 1, now() + make_interval(secs => :ttl)
               FROM generate_series(0, :shards - 1) AS shard
               ON CONFLICT (shard) DO UPDATE
                 SET token = l.token + CASE WHEN l.owner = :owner THEN 0 ELSE 1 END,
                     owner = :owner, expires_at = now() + make_interval(secs => :ttl)
                 WHERE l.owner = :owner OR l.expires_at < now()
               RETURNING shard, token"""
        )
        self.release = sql("UPDATE {s}.relay_lease SET expires_at = now() - interval '1 second' WHERE owner = :owner")
        # Sizes are read without the payloads, a shard at a time by its index; only what fits is then loaded.
        self.pending = sql(
            """WITH waiting AS (
                 SELECT o.id, octet_length(o.payload) AS size FROM unnest(CAST(:shards AS smallint[])) AS s(shard)
                 CROSS JOIN LATERAL (
                   SELECT id, payload FROM {s}.outbox
                   WHERE sent_at IS NULL AND shard = s.shard AND NOT topic = ANY(CAST(:topics AS text[]))
                     AND (topic, key) NOT IN (
                       SELECT * FROM unnest(CAST(:key_topics AS text[]), CAST(:keys AS text[])))
                   ORDER BY id LIMIT :limit) AS o
                 ORDER BY o.id LIMIT :limit),
               sized AS (SELECT id, sum(size) OVER (ORDER BY id) AS total, size FROM waiting)
               SELECT o.id, o.topic, o.key, o.headers, o.payload FROM sized JOIN {s}.outbox AS o USING (id)
               WHERE sized.total <= :most_bytes OR sized.total = sized.size ORDER BY o.id"""
        )
        self.oldest_unsent = sql(
            """SELECT extract(epoch FROM clock_timestamp() - min(o.created_at)) AS age
               FROM generate_series(0, :shards - 1) AS s(shard) CROSS JOIN LATERAL (
                 SELECT created_at FROM {s}.outbox WHERE sent_at IS NULL AND shard = s.shard
                 ORDER BY id LIMIT 1) AS o"""
        )
        self.held = sql(
            """SELECT shard, token FROM {s}.relay_lease
               WHERE owner = :owner AND shard = ANY(:shards) FOR SHARE"""
        )
        self.positions = PositionStatements(schema)
        self.mark_sent = sql("UPDATE {s}.outbox SET sent_at = now() WHERE id = ANY(:ids)")


class SqlTx:
    """A transaction on one connection; see `shared.messaging.store.Tx`."""

    def __init__(self, conn: AsyncConnection, statements: _Statements, shards: int) -> None:
        self.conn = conn
        self.emitted = False
        self._sql = statements
        self._shards = shards

    async def claim(self, consumer: str, ids: Sequence[UUID]) -> set[UUID]:
        # Sorted, so that two instances that take the same events can't lock each other out.
        ordered = sorted(ids, key=_bytes_of)
        known = await self.conn.execute(self._sql.claim, {"consumer": consumer, "ids": ordered})
        return set(ids).difference(row[0] for row in known)  # few come back: most events are new

    async def emit(self, *envelopes: Envelope[Event]) -> None:
        await self._add([(envelope.id, encode(envelope)) for envelope in envelopes])

    async def _add(self, messages: Sequence[tuple[UUID, Message]]) -> None:
        if not messages:
            return
        self.emitted = True
        await self.conn.execute(
            self._sql.emit,
            {
                "shards": [shard_of(message.key, self._shards) for _, message in messages],
                "ids": [event_id for event_id, _ in messages],
                "topics": [message.topic for _, message in messages],
                "keys": [message.key for _, message in messages],
                "headers": [json.dumps(message.headers) for _, message in messages],
                "payloads": [message.value for _, message in messages],
            },
        )

    async def park(self, letter: DeadLetter) -> None:
        headers = [(name, without_secrets(value).decode("utf-8", "backslashreplace")) for name, value in letter.headers]
        owner = await self._owner(letter)
        done = await self.conn.execute(
            self._sql.park,
            {
                "id": letter.id,
                "consumer": letter.consumer,
                "topic": letter.topic,
                "partition": letter.partition,
                "offset": letter.offset,
                "key": None if letter.key is None else without_secrets(letter.key),
                "headers": json.dumps([(name, value.replace("\0", "\\0")) for name, value in headers]),
                "payload": without_secrets(letter.payload),
                "reason": letter.reason,
                "detail": letter.detail,
                "project": owner.project,
                "environment": owner.environment,
            },
        )
        if done.first() is not None:
            await self._add([(derived_id("dlq", str(letter.id)), dlq_message(letter))])

    async def unpark(self, letter_id: UUID, status: str) -> bool:
        done = await self.conn.execute(self._sql.unpark, {"id": letter_id, "status": status})
        return done.first() is not None

    async def _owner(self, letter: DeadLetter) -> Owner:
        """Whose message it is: what it says, or whose API key signed it; nobody's where neither can be known."""
        claim = claim_of(letter.topic, letter.key, letter.payload)
        if claim.key_id is None:
            return claim.owner
        row = (await self.conn.execute(self._sql.key_owner, {"key_id": claim.key_id})).first()
        proven = row is not None and claim.is_proof(row.secret_hash)
        return Owner(row.project, row.environment) if row is not None and proven else Owner(None, None)

    async def pause(self, consumer: str, topics: Sequence[str], reason: str) -> None:
        given = {"consumer": consumer, "topics": list(topics), "reason": reason}
        await self.conn.execute(self._sql.pause, given)

    async def resume(self, consumer: str) -> bool:
        done = await self.conn.execute(self._sql.resume, {"consumer": consumer})
        return done.first() is not None

    async def pause_reason(self, consumer: str) -> str | None:
        reason: str | None = await self.conn.scalar(self._sql.pause_reason, {"consumer": consumer})
        return reason

    async def record_positions(self, consumer: str, offsets: Mapping[Partition, int]) -> Mapping[Partition, int | None]:
        return await self._sql.positions.record_positions(self.conn, consumer, offsets)

    async def positions(self, consumer: str) -> Mapping[Partition, int | None]:
        return await self._sql.positions.positions(self.conn, consumer)

    async def replace_position(
        self, consumer: str, at: Partition, former: int | None, offset: int, gap: Gap | None
    ) -> bool:
        return await self._sql.positions.replace_position(self.conn, consumer, at, former, offset, gap)


def dlq_message(letter: DeadLetter) -> Message:
    """The message that mirrors a dead letter: the original's payload, with where it came from and why.

    What Kafka might not take with what is added is cut, or it would block the outbox: the row holds it whole.
    """
    origin = f"{letter.topic}/{letter.partition}/{letter.offset}"
    added = (("dlq_id", str(letter.id)), ("dlq_origin", origin), ("dlq_consumer", letter.consumer))
    headers = (
        *((_told(name.encode()), _told(value)) for name, value in letter.headers[:_MOST_HEADERS]),
        *added,
        ("dlq_reason", letter.reason),
    )
    payload = without_secrets(letter.payload)[:MAX_PAYLOAD]
    return Message(f"{letter.topic}.dlq", _told(letter.key or b""), payload, headers)


def _told(value: bytes) -> str:
    """A key or a part of a header as text that every store takes, within bounds."""
    return without_secrets(value)[:_MOST_BYTES].decode("utf-8", "backslashreplace").replace("\0", "\\0")


class SqlStore:
    """The store of one service: `Store` for its handlers, `Outbox` for its relay.

    `on_emit` is called after each commit that put something into the outbox.
    """

    def __init__(
        self, engine: AsyncEngine, schema: str, shards: int = 4, on_emit: Callable[[], None] = lambda: None
    ) -> None:
        self.engine = engine
        self.schema = schema
        self.shards = shards
        self.on_emit = on_emit
        self._sql = _Statements(schema)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[SqlTx]:
        async with self.engine.begin() as conn:
            tx = SqlTx(conn, self._sql, self.shards)
            yield tx
        if tx.emitted:
            self.on_emit()

    async def lease(self, shards: int, owner: str, ttl: float) -> dict[int, int]:
        async with self.engine.begin() as conn:
            rows = await conn.execute(self._sql.lease, {"owner": owner, "ttl": ttl, "shards": shards})
            return {row.shard: row.token for row in rows}

    async def release(self, owner: str) -> None:
        async with self.engine.begin() as conn:
            await conn.execute(self._sql.release, {"owner": owner})

    async def pending(
        self, shards: Collection[int], limit: int, most_bytes: int = 1 << 30, held: Held = NOTHING_HELD
    ) -> list[Pending]:
        given = {
            "shards": list(shards),
            "limit": limit,
            "most_bytes": most_bytes,
            "topics": held.topics,
            "key_topics": [topic for topic, _ in held.keys],
            "keys": [key for _, key in held.keys],
        }
        async with self.engine.connect() as conn:
            rows = await conn.execute(self._sql.pending, given)
            return [
                Pending(row.id, Message(row.topic, row.key, row.payload, tuple((n, v) for n, v in row.headers)))
                for row in rows
            ]

    async def oldest_unsent(self) -> float | None:
        async with self.engine.connect() as conn:
            age = await conn.scalar(self._sql.oldest_unsent, {"shards": self.shards})
            return None if age is None else max(0.0, float(age))

    async def mark_sent(self, tokens: dict[int, int], owner: str, ids: Sequence[int]) -> bool:
        async with self.engine.begin() as conn:
            rows = await conn.execute(self._sql.held, {"owner": owner, "shards": list(tokens)})
            if {row.shard: row.token for row in rows} != tokens:
                return False
            await conn.execute(self._sql.mark_sent, {"ids": list(ids)})
            return True
