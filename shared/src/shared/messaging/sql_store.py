"""The store on PostgreSQL: transactions of handlers, and the outbox as the relay sees it."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.events import Envelope, derived_id
from shared.events.base import Event
from shared.messaging.cloudevents import encode
from shared.messaging.dead_letters import DeadLetter, mirror_message
from shared.messaging.outbox_holds import NOTHING_HELD, Held
from shared.messaging.position_gaps import Gap, Partition
from shared.messaging.sql_dead_letters import DeadLetterStatements
from shared.messaging.sql_inbox import InboxStatements
from shared.messaging.sql_outbox import LeaseStatements, OutboxStatements
from shared.messaging.sql_positions import PositionStatements
from shared.messaging.sql_subscriptions import SubscriptionStatements
from shared.messaging.store import Pending, Progress
from shared.runtime.database import reader


@dataclass(frozen=True, slots=True)
class _Statements:
    """All SQL of delivery, for one schema."""

    inbox: InboxStatements
    outbox: OutboxStatements
    leases: LeaseStatements
    dead_letters: DeadLetterStatements
    positions: PositionStatements
    subscriptions: SubscriptionStatements

    @classmethod
    def for_schema(cls, schema: str) -> "_Statements":
        return cls(
            InboxStatements(schema),
            OutboxStatements(schema),
            LeaseStatements(schema),
            DeadLetterStatements(schema),
            PositionStatements(schema),
            SubscriptionStatements(schema),
        )


class SqlTx:
    """A transaction on one connection; implements `shared.messaging.store.Tx`."""

    def __init__(self, conn: AsyncConnection, statements: _Statements, shards: int) -> None:
        self.conn = conn
        self.emitted = False
        self._sql = statements
        self._shards = shards

    async def claim(self, consumer: str, ids: Sequence[UUID]) -> set[UUID]:
        return await self._sql.inbox.claim(self.conn, consumer, ids)

    async def emit(self, *envelopes: Envelope[Event]) -> None:
        if envelopes:
            self.emitted = True
            messages = [(envelope.id, encode(envelope)) for envelope in envelopes]
            await self._sql.outbox.add(self.conn, self._shards, messages)

    async def park(self, letter: DeadLetter) -> None:
        if await self._sql.dead_letters.park(self.conn, letter):
            self.emitted = True
            mirror = (derived_id("dlq", str(letter.id)), mirror_message(letter))
            await self._sql.outbox.add(self.conn, self._shards, [mirror])

    async def unpark(self, letter_id: UUID, status: str) -> bool:
        return await self._sql.dead_letters.unpark(self.conn, letter_id, status)

    async def pause(self, consumer: str, topics: Sequence[str], reason: str) -> None:
        await self._sql.subscriptions.pause(self.conn, consumer, topics, reason)

    async def resume(self, consumer: str) -> bool:
        return await self._sql.subscriptions.resume(self.conn, consumer)

    async def pause_reason(self, consumer: str) -> str | None:
        return await self._sql.subscriptions.pause_reason(self.conn, consumer)

    async def record_positions(self, consumer: str, offsets: Mapping[Partition, int]) -> Mapping[Partition, int | None]:
        return await self._sql.positions.record_positions(self.conn, consumer, offsets)

    async def positions(self, consumer: str) -> Mapping[Partition, int | None]:
        return await self._sql.positions.positions(self.conn, consumer)

    async def replace_position(
        self, consumer: str, at: Partition, expected: int | None, offset: int, gap: Gap | None
    ) -> bool:
        return await self._sql.positions.replace_position(self.conn, consumer, at, expected, offset, gap)


class SqlStore:
    """The store of one service: `Store` for its handlers, `Outbox` for its relay.

    `on_emit` is called after each commit that added messages to the outbox.
    """

    def __init__(
        self, engine: AsyncEngine, schema: str, shards: int = 4, on_emit: Callable[[], None] = lambda: None
    ) -> None:
        self.engine = engine
        self._reader = reader(engine)
        self.schema = schema
        self.shards = shards
        self.on_emit = on_emit
        self._sql = _Statements.for_schema(schema)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[SqlTx]:
        async with self.engine.begin() as conn:
            tx = SqlTx(conn, self._sql, self.shards)
            yield tx
        if tx.emitted:
            self.on_emit()

    def notify_relay(self) -> None:
        """Call `on_emit`, which the relay sets when it starts: messages were committed in another way than `begin`."""
        self.on_emit()

    async def register_subscriptions(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Store which consumer subscribes to which topic, as (consumer, topic) pairs."""
        async with self.engine.begin() as conn:
            await self._sql.subscriptions.register(conn, pairs)

    async def lease(self, shards: int, owner: str, ttl: float) -> dict[int, int]:
        async with self.engine.begin() as conn:
            return await self._sql.leases.lease(conn, shards, owner, ttl)

    async def release(self, owner: str) -> None:
        async with self.engine.begin() as conn:
            await self._sql.leases.release(conn, owner)

    async def pending(
        self, shards: Collection[int], limit: int, max_bytes: int = 1 << 30, held: Held = NOTHING_HELD
    ) -> list[Pending]:
        async with self._reader.connect() as conn:
            return await self._sql.outbox.pending(conn, shards, limit, max_bytes, held)

    async def oldest_unsent(self) -> float | None:
        async with self._reader.connect() as conn:
            return await self._sql.outbox.oldest_unsent(conn, self.shards)

    async def mark_sent(self, tokens: dict[int, int], owner: str, progress: Sequence[Progress]) -> bool:
        async with self._reader.connect() as conn:  # a single statement, which commits by itself
            return await self._sql.outbox.mark_sent(conn, tokens, owner, progress)

    async def set_aside(self, tokens: dict[int, int], owner: str, ids: Sequence[int]) -> bool:
        async with self.engine.begin() as conn:
            if await self._sql.leases.lock(conn, owner, tokens) != tokens:
                return False
            await self._sql.outbox.set_aside(conn, ids)
            return True

    async def count_set_aside(self) -> int:
        async with self._reader.connect() as conn:
            return await self._sql.outbox.count_set_aside(conn)
