"""What delivery needs of a store. One suite of tests runs against the fake and against PostgreSQL."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.errors import reason_of
from shared.events import Envelope, derived_id
from shared.events.base import Event
from shared.events.message import Message
from shared.messaging.cloudevents import Received, Record
from shared.messaging.consumed_positions import Gap, Partition
from shared.messaging.outbox_holds import NOTHING_HELD, Held


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be settled, with its origin and the reason. `detail` never holds its text."""

    id: UUID
    consumer: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    payload: bytes
    reason: str
    detail: str

    @classmethod
    def of(cls, consumer: str, record: Record, error: BaseException) -> "DeadLetter":
        """The letter for `record`. Parking the same message again, also sent again, gives the same id."""
        value = record.value or b""
        named = dict(record.headers).get("ce_id", f"{record.partition}/{record.offset}".encode())
        detail = str(error) if reason_of(error) in {"malformed", "unknown-type"} else type(error).__name__
        return cls(
            derived_id("dead-letter", consumer, record.topic, named.hex(), sha256(value).hexdigest()),
            consumer,
            record.topic,
            record.partition,
            record.offset,
            record.key,
            tuple(record.headers),
            value,
            reason_of(error),
            detail,
        )

    @property
    def value(self) -> bytes:
        return self.payload


@dataclass(frozen=True, slots=True)
class Pending:
    """An outbox row that is not sent yet."""

    id: int
    message: Message


class Tx(Protocol):
    """One transaction. Nothing here commits: leaving `Store.begin()` without an error does.

    `emitted`: whether the relay is to be woken then. Who writes to the outbox past `emit` sets it.
    """

    emitted: bool

    @property
    def conn(self) -> AsyncConnection:
        """The SQL connection of this transaction (the fake store has none)."""
        ...

    async def claim(self, consumer: str, ids: Sequence[UUID]) -> set[UUID]:
        """Marks events as taken by `consumer`; gives back those that it had never taken before."""
        ...

    async def emit(self, *envelopes: Envelope[Event]) -> None:
        """Puts events into the outbox: they are sent if, and only if, this transaction commits."""
        ...

    async def park(self, letter: DeadLetter) -> None:
        """Keeps a dead letter, and announces it on `<topic>.dlq`. Again for the same message: nothing."""
        ...

    async def unpark(self, letter_id: UUID, status: str) -> bool:
        """Settles a parked letter as `replayed` or `discarded`; False if it was not parked."""
        ...

    async def pause(self, consumer: str, topics: Sequence[str], reason: str) -> None:
        """Pauses a consumer of `topics` in every instance, until `resume`."""
        ...

    async def resume(self, consumer: str) -> bool:
        """Ends the pause of a consumer; False if it was not paused."""
        ...

    async def pause_reason(self, consumer: str) -> str | None:
        """Why a consumer is paused; None if it is not."""
        ...

    async def record_positions(self, consumer: str, offsets: Mapping[Partition, int]) -> Mapping[Partition, int | None]:
        """Record that `consumer` took everything before these offsets; the former positions, where there were some.

        A position that is further already stays. None: unknown, used before positions were kept.
        """
        ...

    async def positions(self, consumer: str) -> Mapping[Partition, int | None]:
        """The offsets up to which `consumer` took everything; see `record_positions`."""
        ...

    async def replace_position(
        self, consumer: str, at: Partition, former: int | None, offset: int, gap: Gap | None
    ) -> bool:
        """Set a position, also back, and keep `gap` with it; False where it is not `former` (ABSENT: no row)."""
        ...


class Store(Protocol):
    """Where a service keeps what it must not forget."""

    def begin(self) -> AbstractAsyncContextManager[Tx]:
        """A transaction: committed at the end of the block, rolled back if the block raises."""
        ...


class NoStore:
    """For a process that only listens: it has nothing that it must not forget."""

    def begin(self) -> AbstractAsyncContextManager[Tx]:
        raise NotImplementedError("a process without a store settles nothing")


class Outbox(Protocol):
    """The relay's side of the store."""

    async def lease(self, shards: int, owner: str, ttl: float) -> dict[int, int]:
        """Takes or renews the shards that are free or one's own, for `ttl` seconds: shard → fencing token."""
        ...

    async def release(self, owner: str) -> None:
        """Gives all shards back at once."""
        ...

    async def pending(
        self, shards: Collection[int], limit: int, most_bytes: int = 1 << 30, held: Held = NOTHING_HELD
    ) -> list[Pending]:
        """The oldest unsent messages of these shards that are not held, in the order of their ids.

        At most `limit`, with payloads of `most_bytes` together; one message alone may have more.
        """
        ...

    async def oldest_unsent(self) -> float | None:
        """The age of the oldest unsent message in seconds, by the database's clock; None where all are sent."""
        ...

    async def mark_sent(self, tokens: dict[int, int], owner: str, ids: Sequence[int]) -> bool:
        """Marks messages as sent, unless the lease has passed to somebody else meanwhile (False)."""
        ...


Handler = Callable[[Tx, Sequence[Received[Any]]], Awaitable[None]]
BroadcastHandler = Callable[[Sequence[Received[Any]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Events that a service takes exactly once, in batches, a transaction each. Group: `<service>.<name>`."""

    name: str
    events: tuple[type[Event], ...]
    handler: Handler
    max_batch: int = 500


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Events that every instance sees from now on: no group, no inbox, no dead letters. For caches and pushes."""

    name: str
    events: tuple[type[Event], ...]
    handler: BroadcastHandler
