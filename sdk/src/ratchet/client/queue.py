"""What waits to be sent, and in which batches: a state machine without threads, clock or network.

An item that was accepted is sent until the server has answered for it. A repeat sends the same batch, byte by
byte, under the same idempotency key, so that it counts once however often an answer gets lost.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from ratchet.client.items import RecordedItem, Route, with_documents
from ratchet.client.known_documents import KnownDocuments
from ratchet.client.memory_limit import MemoryUse

ROUTES: tuple[Route, ...] = ("executions", "feedback")


@dataclass(frozen=True, slots=True)
class Batch:
    """Items that travel together."""

    route: Route
    key: str
    items: tuple[RecordedItem, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Delivered:
    """The server answered for each item.

    `refused`: index and reason of those it will never take. `repeat`: the indexes of those on which it failed.
    `amended`: index and replacement of those that it takes without some optional fields.
    """

    duplicates: int = 0
    refused: tuple[tuple[int, str], ...] = ()
    repeat: tuple[int, ...] = ()
    amended: tuple[tuple[int, RecordedItem], ...] = ()


@dataclass(frozen=True, slots=True)
class Retry:
    """Try the same batch again, after a pause, of at least `after` seconds where the server asked for that.

    `misconfigured`: it will not pass by itself, people have to put something right.
    """

    reason: str
    after: float | None = None
    misconfigured: bool = False


@dataclass(frozen=True, slots=True)
class Split:
    """Too large in one piece; nothing of it was taken."""


Outcome = Delivered | Retry | Split


@dataclass(frozen=True, slots=True)
class Counters:
    """Since the client began: accepted = sent + refused + pending + abandoned. `dropped` were never accepted.

    `dropped_fields`: optional fields that were left out of accepted items.
    """

    accepted: int = 0
    sent: int = 0
    duplicates: int = 0
    refused: int = 0
    dropped: int = 0
    abandoned: int = 0
    retries: int = 0
    dropped_fields: int = 0


@dataclass
class _Lane:
    waiting: deque[RecordedItem] = field(default_factory=deque)
    inflight: deque[Batch] = field(default_factory=deque)
    attempts: int = 0
    not_before: float = 0.0


class SendQueue:
    """One lane a route, so that trouble on one does not hold up the other. Not thread-safe.

    When `capacity` items or `capacity_bytes` of them are pending, new ones are dropped and counted: what was
    accepted is kept.
    """

    def __init__(
        self,
        *,
        capacity: int,
        capacity_bytes: int,
        batch_size: int,
        batch_bytes: int,
        new_key: Callable[[], str],
        pause: Callable[[int], float],
    ) -> None:
        self._capacity, self._capacity_bytes = capacity, capacity_bytes
        self._batch_size, self._batch_bytes = batch_size, batch_bytes
        self._new_key, self._pause = new_key, pause
        self._lanes: dict[Route, _Lane] = {route: _Lane() for route in ROUTES}
        self._weight = MemoryUse()
        self._explained = KnownDocuments()
        self._restless: list[str] = []
        self.counters = Counters()

    @property
    def pending(self) -> int:
        """Accepted items that the server has not answered for."""
        return sum(len(lane.waiting) + sum(len(b.items) for b in lane.inflight) for lane in self._lanes.values())

    def offer(self, item: RecordedItem) -> bool:
        """Takes an item, or drops it because the queue is full."""
        if self.pending >= self._capacity or self._weight.with_(item) > self._capacity_bytes:
            self._count(dropped=1)
            return False
        self._weight.add(item)
        self._lanes[item.route].waiting.append(item)
        self._count(accepted=1, dropped_fields=len(item.dropped))
        return True

    def next(self, now: float) -> Batch | None:
        """The batch to send now: the one to repeat, or a new one. Settle it before asking for the next."""
        for route, lane in self._lanes.items():
            if lane.not_before <= now and (lane.inflight or lane.waiting):
                if not lane.inflight:
                    lane.inflight.append(self._batch(lane.waiting))
                self._lanes[route] = self._lanes.pop(route)  # last in turn, so that a busy lane holds up no other
                return lane.inflight[0]
        return None

    def due(self) -> float | None:
        """When the next batch may be sent; None when nothing waits."""
        return min((lane.not_before for lane in self._lanes.values() if lane.inflight or lane.waiting), default=None)

    def settle(self, batch: Batch, outcome: Outcome, now: float) -> None:
        """What the server made of a batch."""
        lane = self._lanes[batch.route]
        match outcome:
            case Retry(after=after):
                lane.attempts += 1
                lane.not_before = now + max(after or 0.0, self._pause(lane.attempts))
                self._count(retries=1)
            case Split():
                lane.inflight.popleft()
                lane.inflight.extendleft(reversed(self._halves(batch)))
            case Delivered(duplicates=duplicates, refused=refused, repeat=repeat, amended=amended):
                lane.inflight.popleft()
                self._put_back(lane, batch, repeat, now)
                self._weight.remove(item for index, item in enumerate(batch.items) if index not in repeat)
                if not (refused or repeat or amended):
                    self._restless += self._explained.add(use for item in batch.items for use in item.documents)
                self._send_amended(lane, batch, amended)
                sent = len(batch.items) - len(refused) - len(repeat) - len(amended)
                self._count(sent=sent, duplicates=duplicates, refused=len(refused))

    def _put_back(self, lane: _Lane, batch: Batch, repeat: tuple[int, ...], now: float) -> None:
        """Queue the items of `repeat` behind the others, so that an item on which the server fails holds up none."""
        lane.waiting.extend(batch.items[index] for index in repeat)
        if len(repeat) < len(batch.items):
            lane.attempts, lane.not_before = 0, 0.0
        else:
            lane.attempts += 1
            lane.not_before = now + self._pause(lane.attempts)
        if repeat:
            self._count(retries=1)

    def close(self) -> int:
        """Gives up on all that is pending, counts it, and takes no more."""
        left, self._capacity = self.pending, 0
        for lane in self._lanes.values():
            lane.waiting.clear()
            lane.inflight.clear()
        self._weight = MemoryUse()
        self._count(abandoned=left)
        return left

    def restless(self) -> list[str]:
        """The names that had many different defaults by now; each is returned once."""
        found, self._restless = self._restless, []
        return found

    def refuse(self) -> None:
        """Counts an item that could not even become JSON."""
        self._count(accepted=1, refused=1)

    def _send_amended(self, lane: _Lane, batch: Batch, amended: tuple[tuple[int, RecordedItem], ...]) -> None:
        for index, item in reversed(amended):
            self._weight.add(item)
            lane.waiting.appendleft(item)
            self._count(dropped_fields=len(item.dropped) - len(batch.items[index].dropped))

    def _batch(self, waiting: deque[RecordedItem]) -> Batch:
        items: list[RecordedItem] = []
        weight = MemoryUse(self._explained)
        while waiting and len(items) < self._batch_size:
            weight.add(waiting[0])
            if items and weight.total > self._batch_bytes:
                break
            items.append(waiting.popleft())
        return self._closed(items)

    def _closed(self, items: Iterable[RecordedItem]) -> Batch:
        """A batch with its body and key; each document that the server may not know is in it once."""
        taken = tuple(items)
        explained: set[str] = set()
        parts: list[bytes] = []
        for item in taken:
            missing = {use.digest for use in item.documents if use.digest not in self._explained} - explained
            parts.append(with_documents(item, frozenset(missing)) if missing else item.encoded)
            explained |= missing
        body = b"[" + b",".join(parts) + b"]"
        return Batch(taken[0].route, self._new_key(), taken, body)

    def _halves(self, batch: Batch) -> list[Batch]:
        middle = len(batch.items) // 2
        return [self._closed(half) for half in (batch.items[:middle], batch.items[middle:])]

    def _count(self, **more: int) -> None:
        now = {name: getattr(self.counters, name) + count for name, count in more.items()}
        self.counters = replace(self.counters, **now)
