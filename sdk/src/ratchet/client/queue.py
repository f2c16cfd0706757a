"""Queue of items to send, in batches: a state machine without threads, clock or network.

An accepted item is sent until the server has answered for it. A retry sends the same bytes under the same idempotency
key, so that the items count once however many responses get lost.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field

from ratchet.client.batches import Batch, Delivered, Outcome, Retry, Split
from ratchet.client.known_documents import KnownDocuments, MemoryUse
from ratchet.client.recorded_items import RecordedItem, Route, UnencodedItem, with_documents

ROUTES: tuple[Route, ...] = ("executions", "feedback")


@dataclass(frozen=True, slots=True)
class Counters:
    """Since the client was created: accepted = sent + refused + pending + abandoned. `dropped` were never accepted.

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
    """The queue, with one lane per route, so that failures of one do not delay the other. Not thread-safe.

    Items wait without their JSON until `pop_unencoded` and `put_encoded`, and then in their lane. When `capacity`
    items or `capacity_bytes` are pending, new items are dropped and counted.
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
        self._closed = False
        self._lanes: dict[Route, _Lane] = {route: _Lane() for route in ROUTES}
        self._unencoded: deque[UnencodedItem] = deque()
        self._memory = MemoryUse()
        self._known_documents = KnownDocuments()
        self._varying_names: list[str] = []
        self._counts = asdict(Counters())
        self.pending = 0
        """The number of accepted items that the server has not answered for."""

    @property
    def counters(self) -> Counters:
        return Counters(**self._counts)

    @property
    def unencoded(self) -> int:
        """The number of items that wait for `pop_unencoded`."""
        return len(self._unencoded)

    def offer(self, item: UnencodedItem | RecordedItem) -> bool:
        """Queue an item; False where the queue is full and it was dropped."""
        if self.pending >= self._capacity or not self._memory.add(item, self._capacity_bytes):
            self._counts["dropped"] += 1
            return False
        if isinstance(item, UnencodedItem):
            self._unencoded.append(item)
        else:
            self._lanes[item.route].waiting.append(item)
        self.pending += 1
        self._counts["accepted"] += 1
        if item.dropped:
            self._counts["dropped_fields"] += len(item.dropped)
        return True

    def pop_unencoded(self, most: int) -> list[UnencodedItem]:
        """Return up to `most` items in order; they stay pending. Call `put_encoded` for each."""
        return [self._unencoded.popleft() for _ in range(min(most, len(self._unencoded)))]

    def put_encoded(self, item: UnencodedItem, encoded: RecordedItem | None) -> None:
        """Queue an encoded item; None where it has no JSON and is refused. Without effect after `close`."""
        if self._closed:
            return
        self._memory.remove((item,))
        if encoded is None:
            self.pending -= 1
            self._count(refused=1)
        else:
            self._memory.add(encoded)
            self._count(dropped_fields=len(encoded.dropped) - len(item.dropped))
            self._lanes[item.route].waiting.append(encoded)

    def is_full(self, now: float) -> bool:
        """Tell whether there is enough to do at once: a repeated or a whole batch, or as many items to encode."""
        return len(self._unencoded) >= self._batch_size or any(
            lane.not_before <= now and (lane.inflight or len(lane.waiting) >= self._batch_size)
            for lane in self._lanes.values()
        )

    def next(self, now: float) -> Batch | None:
        """Return the batch to send now, a repeated or a new one, or None. Call `apply` before the next."""
        for route, lane in self._lanes.items():
            if lane.not_before <= now and (lane.inflight or lane.waiting):
                if not lane.inflight:
                    lane.inflight.append(self._batch(lane.waiting))
                self._lanes[route] = self._lanes.pop(route)  # last in turn, so that a busy lane holds up no other
                return lane.inflight[0]
        return None

    def due(self) -> float | None:
        """Return when the next batch may be sent; None when nothing waits."""
        return min((lane.not_before for lane in self._lanes.values() if lane.inflight or lane.waiting), default=None)

    def apply(self, batch: Batch, outcome: Outcome, now: float) -> None:
        """Apply the outcome of a batch; `now` in seconds."""
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
                self._memory.remove(item for index, item in enumerate(batch.items) if index not in repeat)
                if not (refused or repeat or amended):
                    self._varying_names += self._known_documents.add(
                        use for item in batch.items for use in item.documents
                    )
                self._send_amended(lane, batch, amended)
                sent = len(batch.items) - len(refused) - len(repeat) - len(amended)
                self.pending -= sent + len(refused)
                self._count(sent=sent, duplicates=duplicates, refused=len(refused))

    def _put_back(self, lane: _Lane, batch: Batch, repeat: tuple[int, ...], now: float) -> None:
        """Queue the items of `repeat` behind the others, so that a failing item delays none of them."""
        lane.waiting.extend(batch.items[index] for index in repeat)
        if len(repeat) < len(batch.items):
            lane.attempts, lane.not_before = 0, 0.0
        else:
            lane.attempts += 1
            lane.not_before = now + self._pause(lane.attempts)
        if repeat:
            self._count(retries=1)

    def close(self) -> int:
        """Drop all pending items and accept no more; return their number."""
        left, self.pending, self._capacity, self._closed = self.pending, 0, 0, True
        self._unencoded.clear()
        for lane in self._lanes.values():
            lane.waiting.clear()
            lane.inflight.clear()
        self._memory = MemoryUse()
        self._count(abandoned=left)
        return left

    def pop_varying_names(self) -> list[str]:
        """Return the prompt names that reached many different defaults, each once."""
        found, self._varying_names = self._varying_names, []
        return found

    def refuse(self) -> None:
        """Count an item that could not be converted."""
        self._count(accepted=1, refused=1)

    def _send_amended(self, lane: _Lane, batch: Batch, amended: tuple[tuple[int, RecordedItem], ...]) -> None:
        for index, item in reversed(amended):
            self._memory.add(item)
            lane.waiting.appendleft(item)
            self._count(dropped_fields=len(item.dropped) - len(batch.items[index].dropped))

    def _batch(self, waiting: deque[RecordedItem]) -> Batch:
        items: list[RecordedItem] = []
        weight = MemoryUse(self._known_documents)
        while waiting and len(items) < self._batch_size:
            weight.add(waiting[0])
            if items and weight.total > self._batch_bytes:
                break
            items.append(waiting.popleft())
        return self._new_batch(items)

    def _new_batch(self, items: Iterable[RecordedItem]) -> Batch:
        """Return a batch with its body and key, and once each document that the server may not have."""
        batch_items = tuple(items)
        included: set[str] = set()
        parts: list[bytes] = []
        for item in batch_items:
            missing = {use.digest for use in item.documents if use.digest not in self._known_documents} - included
            parts.append(with_documents(item, frozenset(missing)) if missing else item.encoded)
            included |= missing
        body = b"[" + b",".join(parts) + b"]"
        return Batch(batch_items[0].route, self._new_key(), batch_items, body)

    def _halves(self, batch: Batch) -> list[Batch]:
        middle = len(batch.items) // 2
        return [self._new_batch(half) for half in (batch.items[:middle], batch.items[middle:])]

    def _count(self, **more: int) -> None:
        for name, count in more.items():
            self._counts[name] += count
