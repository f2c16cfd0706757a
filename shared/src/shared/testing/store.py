"""A store in memory that passes the same tests as the one on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events import Envelope
from shared.events.base import Event
from shared.events.message import OutgoingMessage
from shared.messaging.cloudevents import encode
from shared.messaging.dead_letters import DeadLetter, mirror_message
from shared.messaging.outbox_holds import NOTHING_HELD, Held
from shared.messaging.packed_messages import ID_BYTES, PackedRow, Unreadable, pack, unpack
from shared.messaging.position_gaps import ABSENT, Gap, Partition
from shared.messaging.store import Pending, Progress
from shared.runtime.clock import Clock
from shared.testing.clock import FakeClock


@dataclass(slots=True)
class OutboxRow:
    """A row of the outbox: messages of one key, of which the first `sent` are sent."""

    id: int
    packed: PackedRow
    at: datetime
    sent: int = 0
    set_aside: bool = False

    @property
    def messages(self) -> list[OutgoingMessage]:
        """All messages of the row. Raises Unreadable."""
        return unpack(self.packed.topic, self.packed.key, len(self.packed.event_ids), self.packed.messages)

    @property
    def is_pending(self) -> bool:
        return self.sent < len(self.packed.event_ids) // ID_BYTES and not self.set_aside


class OutboxMessage(NamedTuple):
    """A message of the outbox, with the id of its row."""

    id: int
    message: OutgoingMessage
    sent: bool


@dataclass(slots=True)
class Letter:
    """A stored dead letter with its status."""

    letter: DeadLetter
    status: str = "parked"


@dataclass(slots=True)
class _State:
    inbox: set[tuple[str, UUID]] = field(default_factory=set)
    rows: list[OutboxRow] = field(default_factory=list)
    letters: dict[UUID, Letter] = field(default_factory=dict)
    pauses: dict[str, str | None] = field(default_factory=dict)
    positions: dict[tuple[str, Partition], int | None] = field(default_factory=dict)
    gaps: dict[tuple[str, Partition], Gap] = field(default_factory=dict)

    @property
    def outbox(self) -> list[OutboxMessage]:
        """All messages of the outbox by row."""
        return [
            OutboxMessage(row.id, message, number < row.sent)
            for row in self.rows
            for number, message in enumerate(row.messages)
        ]


class FakeTx:
    """Collects changes that `FakeStore.begin` applies when its block ends without an error."""

    def __init__(self, store: "FakeStore") -> None:
        self._store = store
        self.emitted = False
        self.claimed: set[tuple[str, UUID]] = set()
        self.messages: list[OutgoingMessage] = []
        self.letters: dict[UUID, Letter] = {}
        self.pauses: dict[str, str | None] = {}
        self.moved: dict[tuple[str, Partition], int | None] = {}
        self.gaps: dict[tuple[str, Partition], Gap] = {}

    @property
    def conn(self) -> AsyncConnection:
        raise TypeError("the fake store has no SQL connection")

    async def claim(self, consumer: str, ids: Sequence[UUID]) -> set[UUID]:
        known = self._store.state.inbox | self.claimed
        fresh = {event_id for event_id in ids if (consumer, event_id) not in known}
        self.claimed |= {(consumer, event_id) for event_id in fresh}
        return fresh

    async def emit(self, *envelopes: Envelope[Event]) -> None:
        self.messages += [encode(envelope) for envelope in envelopes]

    async def park(self, letter: DeadLetter) -> None:
        if letter.id not in self._store.state.letters | self.letters:
            self.letters[letter.id] = Letter(letter)
            self.messages.append(mirror_message(letter))

    async def pause(self, consumer: str, topics: Sequence[str], reason: str) -> None:
        self.pauses[consumer] = reason

    async def resume(self, consumer: str) -> bool:
        paused = await self.pause_reason(consumer) is not None
        self.pauses[consumer] = None
        return paused

    async def pause_reason(self, consumer: str) -> str | None:
        return {**self._store.state.pauses, **self.pauses}.get(consumer)

    async def record_positions(self, consumer: str, offsets: Mapping[Partition, int]) -> Mapping[Partition, int | None]:
        known = await self.positions(consumer)
        for at, offset in offsets.items():
            self.moved[consumer, at] = max(offset, known.get(at) or 0)
        return {at: known[at] for at in offsets if at in known}

    async def positions(self, consumer: str) -> Mapping[Partition, int | None]:
        known = self._store.state.positions | self.moved
        return {at: offset for (owner, at), offset in known.items() if owner == consumer}

    async def replace_position(
        self, consumer: str, at: Partition, expected: int | None, offset: int, gap: Gap | None
    ) -> bool:
        if (await self.positions(consumer)).get(at, ABSENT) != expected:
            return False
        self.moved[consumer, at] = offset
        if gap is not None:
            self.gaps[consumer, at] = gap
        return True

    async def unpark(self, letter_id: UUID, status: str) -> bool:
        found = self._store.state.letters.get(letter_id)
        if found is None or found.status != "parked":
            return False
        self.letters[letter_id] = Letter(found.letter, status)
        return True


class FakeStore:
    """`Store` and `Outbox` in memory. Set `before_commit` to a function that raises, to simulate a failed commit."""

    def __init__(self, shards: int = 4, clock: Clock | None = None) -> None:
        self.state = _State()
        self.shards = shards
        self.before_commit: Callable[[], None] = lambda: None
        self.on_emit: Callable[[], None] = lambda: None
        self._clock = clock or FakeClock()
        self._leases: dict[int, tuple[str, int, float]] = {}
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[FakeTx]:
        async with self._lock:
            tx = FakeTx(self)
            yield tx
            self.before_commit()
            state = self.state
            state.inbox |= tx.claimed
            state.letters |= tx.letters
            state.pauses |= tx.pauses
            state.positions |= tx.moved
            state.gaps |= tx.gaps
            for packed in pack([(uuid4(), message) for message in tx.messages], self.shards):
                state.rows.append(OutboxRow(len(state.rows) + 1, packed, self._clock.now()))
        if tx.messages or tx.emitted:
            self.on_emit()

    async def lease(self, shards: int, owner: str, ttl: float) -> dict[int, int]:
        now = self._clock.now().timestamp()
        held: dict[int, int] = {}
        for shard in range(shards):
            holder, token, until = self._leases.get(shard, (owner, 1, now))
            if holder == owner or until < now:
                token += holder != owner
                self._leases[shard] = (owner, token, now + ttl)
                held[shard] = token
        return held

    async def release(self, owner: str) -> None:
        gone = self._clock.now().timestamp() - 1
        for shard, (holder, token, _) in self._leases.items():
            if holder == owner:
                self._leases[shard] = (holder, token, gone)

    async def pending(
        self, shards: Collection[int], limit: int, max_bytes: int = 1 << 30, held: Held = NOTHING_HELD
    ) -> list[Pending]:
        found: list[Pending] = []
        total = 0
        for row in self.state.rows:
            topic, key = row.packed.topic, row.packed.key
            if not row.is_pending or row.packed.shard not in shards:
                continue
            if topic in held.topics or (topic, key) in held.keys:
                continue
            total += len(row.packed.messages)
            if len(found) == limit or (found and total > max_bytes):
                break
            found.append(_pending(row))
        return found

    async def oldest_unsent(self) -> float | None:
        now = self._clock.now()
        return max(((now - row.at).total_seconds() for row in self.state.rows if row.is_pending), default=None)

    async def mark_sent(self, tokens: dict[int, int], owner: str, progress: Sequence[Progress]) -> bool:
        if not self._holds(tokens, owner):
            return False
        rows = {row.id: row for row in self.state.rows}
        for done in progress:
            if rows[done.id].sent == done.first:
                rows[done.id].sent = done.sent
        return True

    async def set_aside(self, tokens: dict[int, int], owner: str, ids: Sequence[int]) -> bool:
        if not self._holds(tokens, owner):
            return False
        for row in self.state.rows:
            row.set_aside = row.set_aside or row.id in ids
        return True

    async def count_set_aside(self) -> int:
        return sum(row.set_aside for row in self.state.rows)

    def _holds(self, tokens: dict[int, int], owner: str) -> bool:
        held = {shard: token for shard, (holder, token, _) in self._leases.items() if holder == owner}
        return all(held.get(shard) == token for shard, token in tokens.items())


def _pending(row: OutboxRow) -> Pending:
    found = Pending(row.id, row.packed.topic, row.packed.key, row.sent, len(row.packed.messages), ())
    try:
        return found._replace(messages=tuple(row.messages[row.sent :]))
    except Unreadable as error:
        return found._replace(fault=str(error))
