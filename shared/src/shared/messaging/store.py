"""Interfaces of the store that delivery needs, and of subscriptions. The fake and PostgreSQL pass the same tests."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events import Envelope
from shared.events.base import Event
from shared.events.message import OutgoingMessage
from shared.messaging.cloudevents import Received
from shared.messaging.dead_letters import DeadLetter
from shared.messaging.outbox_holds import NOTHING_HELD, Held
from shared.messaging.position_gaps import Gap, Partition


class Pending(NamedTuple):
    """A row of the outbox with messages of one topic and key that are not sent yet.

    `first`: how many of the row's messages were sent before those in `messages`. `size`: bytes of the whole row.
    `fault`: why the row cannot be read; then `messages` is empty.
    """

    id: int
    topic: str
    key: str
    first: int
    size: int
    messages: tuple[OutgoingMessage, ...]
    fault: str | None = None


class Progress(NamedTuple):
    """How many messages of a row are sent by now, the first ones of the row: `first` before, `sent` now."""

    id: int
    first: int
    sent: int


class Tx(Protocol):
    """One transaction, committed when the block of `Store.begin()` ends without an error.

    `emitted`: whether the relay is woken after the commit. Code that writes to the outbox without `emit` sets it.
    """

    emitted: bool

    @property
    def conn(self) -> AsyncConnection:
        """Return the SQL connection of this transaction (the fake store has none)."""
        ...

    async def claim(self, consumer: str, ids: Sequence[UUID]) -> set[UUID]:
        """Record events as processed by `consumer`; return those that it had not processed before."""
        ...

    async def emit(self, *envelopes: Envelope[Event]) -> None:
        """Add events to the outbox: they are sent if, and only if, this transaction commits."""
        ...

    async def park(self, letter: DeadLetter) -> None:
        """Store a dead letter and mirror it on `<topic>.dlq`; do nothing if it is stored already."""
        ...

    async def unpark(self, letter_id: UUID, status: str) -> bool:
        """Mark a parked letter as `replayed` or `discarded`; return False if it is not parked."""
        ...

    async def pause(self, consumer: str, topics: Sequence[str], reason: str) -> None:
        """Pause a consumer of `topics` in every instance, until `resume`."""
        ...

    async def resume(self, consumer: str) -> bool:
        """End the pause of a consumer; return False if it is not paused."""
        ...

    async def pause_reason(self, consumer: str) -> str | None:
        """Return why a consumer is paused; None if it is not paused."""
        ...

    async def record_positions(self, consumer: str, offsets: Mapping[Partition, int]) -> Mapping[Partition, int | None]:
        """Record that `consumer` has processed everything before these offsets; return the previous positions, if any.

        A position never decreases here. A position of None is unknown: it was used before positions were kept.
        """
        ...

    async def positions(self, consumer: str) -> Mapping[Partition, int | None]:
        """Return the offsets up to which `consumer` has processed everything; see `record_positions`."""
        ...

    async def replace_position(
        self, consumer: str, at: Partition, expected: int | None, offset: int, gap: Gap | None
    ) -> bool:
        """Set a position, possibly to an earlier offset, and store `gap` with it.

        Returns False, without a change, if the position is not `expected` (ABSENT: no row).
        """
        ...


class Store(Protocol):
    """Opens the transactions of a service."""

    def begin(self) -> AbstractAsyncContextManager[Tx]:
        """Return a transaction: committed at the end of the block, rolled back if the block raises."""
        ...


class NoStore:
    """The store of a process that has only broadcasts."""

    def begin(self) -> AbstractAsyncContextManager[Tx]:
        raise NotImplementedError("this process has no store: it can have broadcasts, but no subscriptions")


class Outbox(Protocol):
    """The relay's side of the store."""

    async def lease(self, shards: int, owner: str, ttl: float) -> dict[int, int]:
        """Lease, for `ttl` seconds, the shards that are free or held by `owner`; return shard → fencing token."""
        ...

    async def release(self, owner: str) -> None:
        """End all leases of `owner` now."""
        ...

    async def pending(
        self, shards: Collection[int], limit: int, max_bytes: int = 1 << 30, held: Held = NOTHING_HELD
    ) -> list[Pending]:
        """Return the oldest unsent rows of these shards that are not held, in the order of their ids.

        At most `limit`, with at most `max_bytes` in total; a single row may have more.
        """
        ...

    async def oldest_unsent(self) -> float | None:
        """Return the age of the oldest unsent message in seconds, by the database's clock; None if all are sent."""
        ...

    async def mark_sent(self, tokens: dict[int, int], owner: str, progress: Sequence[Progress]) -> bool:
        """Record what was sent; return False, without a change, if another instance has taken over a lease.

        A row that was published again since it was read stays unsent.
        """
        ...

    async def set_aside(self, tokens: dict[int, int], owner: str, ids: Sequence[int]) -> bool:
        """Keep unreadable rows, but don't return them as pending any more; returns as `mark_sent` does."""
        ...

    async def count_set_aside(self) -> int:
        """Return the number of rows that are set aside."""
        ...


Handler = Callable[[Tx, Sequence[Received[Any]]], Awaitable[None]]
BroadcastHandler = Callable[[Sequence[Received[Any]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Subscription:
    """Events that a service processes exactly once, in one transaction a batch. Kafka group: `<service>.<name>`.

    `structs`: the handler also takes the structs of events (`shared.events.feedback_structs`), which are faster.
    `from_apps`: apps send these events to Kafka themselves, so that `shared.messaging.offsets.TopicEnds` misses them.
    """

    name: str
    events: tuple[type[Event], ...]
    handler: Handler
    max_batch: int = 500
    structs: bool = False
    from_apps: bool = False


@dataclass(frozen=True, slots=True)
class Broadcast:
    """Events that every instance receives from its start on, without group, inbox or dead letters."""

    name: str
    events: tuple[type[Event], ...]
    handler: BroadcastHandler
