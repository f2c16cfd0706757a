"""Delivery: every message is taken exactly once, or parked where a person can see it; none is dropped."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from shared.events.base import Envelope, Event
from shared.messaging.cloudevents import Received, Record, decode
from shared.messaging.errors import FailureClass, Permanent, classify
from shared.messaging.store import DeadLetter, Store, Subscription
from shared.runtime.clock import Clock
from shared.runtime.log import logger
from shared.runtime.metrics import Metrics

BACKOFF_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
UNKNOWN_ATTEMPTS = 3
_WINDOW_S = 60.0

Item = tuple[Record, Received[Event]]


class DeadLetterCap:
    """At most `per_minute` dead letters a minute: past it, something is wrong with us, not with the messages."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._parked: deque[float] = deque()

    @property
    def full(self) -> bool:
        now = self._clock.now().timestamp()
        while self._parked and self._parked[0] <= now - _WINDOW_S:
            self._parked.popleft()
        return len(self._parked) >= self._per_minute

    def count(self) -> None:
        self._parked.append(self._clock.now().timestamp())


class Delivery:
    """Settles batches for one subscription: inbox claim, effect and outbox in one transaction.

    `settle` returns when every message of a batch is taken, known already, or parked; only then may its
    offsets be acknowledged. It raises nothing but cancellation: while the database is away it waits.
    """

    def __init__(
        self,
        consumer: str,
        subscription: Subscription,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        cap: DeadLetterCap,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.consumer = consumer
        self.paused = False
        self.settling = False
        self._subscription = subscription
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._cap = cap
        self._sleep = sleep
        self._log = logger(__name__).bind(consumer=consumer)

    async def settle(self, records: Sequence[Record]) -> None:
        """Takes `records`, once each, in their order."""
        started, self.settling = time.perf_counter(), True
        try:
            items = await self._decode(records)
            for start in range(0, len(items), self._subscription.max_batch):
                await self._settle(items[start : start + self._subscription.max_batch])
        finally:
            self.settling = False
        self._metrics.batch_seconds.labels(self.consumer).observe(time.perf_counter() - started)

    async def _decode(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        for record in records:
            try:
                items.append((record, decode(record)))
            except Permanent as error:
                await self._park(record, error)
        return items

    async def _settle(self, items: Sequence[Item]) -> None:
        """A batch that fails is halved until the bad message stands alone; the rest goes on."""
        failures = 0
        while items:
            try:
                await self._take(items)
                return
            except Exception as error:
                failures += 1
                kind = classify(error)
                self._metrics.retries.labels(self.consumer).inc()
                self._log.warning("batch failed", error=type(error).__name__, size=len(items), kind=kind.value,
                                  correlation_id=items[0][1].correlation_id)  # fmt: skip
                if kind is FailureClass.RETRYABLE:
                    await self._sleep(BACKOFF_S[min(failures, len(BACKOFF_S)) - 1])
                elif len(items) > 1:
                    middle = len(items) // 2
                    await self._settle(items[:middle])
                    items, failures = items[middle:], 0
                elif kind is FailureClass.PERMANENT or failures >= UNKNOWN_ATTEMPTS:
                    await self._park(items[0][0], error)
                    return
                else:
                    await self._sleep(BACKOFF_S[failures - 1])

    async def _take(self, items: Sequence[Item]) -> None:
        unique = {received.id: received for _, received in reversed(items)}
        async with self._store.begin() as tx:
            fresh = await tx.claim(self.consumer, list(unique))
            events = [received for received in reversed(unique.values()) if received.id in fresh]
            if events:
                await self._subscription.handler(tx, events)
        self._count("taken", len(events))
        self._count("known", len(items) - len(events))

    async def replay(self, letter: DeadLetter, report: Envelope[Event]) -> None:
        """Takes a parked message again, settles the letter and says so. Raises what the handler raises."""
        received = decode(letter)
        async with self._store.begin() as tx:
            if not await tx.unpark(letter.id, "replayed", self._clock.now()):
                return
            if await tx.claim(self.consumer, [received.id]):
                await self._subscription.handler(tx, [received])
            await tx.emit(report)
        self._count("replayed", 1)

    async def discard(self, letter: DeadLetter, report: Envelope[Event]) -> bool:
        """Gives a parked message up for good, also if it is sent again, and says so; False if it was not parked."""
        async with self._store.begin() as tx:
            if not await tx.unpark(letter.id, "discarded", self._clock.now()):
                return False
            with contextlib.suppress(Permanent):
                await tx.claim(self.consumer, [decode(letter).id])
            await tx.emit(report)
        return True

    async def _park(self, record: Record, error: Exception) -> None:
        """Keeps the message as a dead letter; waits for the database, and while the cap is reached."""
        letter = DeadLetter.of(self.consumer, record, error)
        failures = 0
        while True:
            await self._wait_below_cap()
            try:
                async with self._store.begin() as tx:
                    await tx.park(letter)
                break
            except Exception as failure:
                failures += 1
                self._log.warning("dead letter not kept yet", error=type(failure).__name__)
                await self._sleep(BACKOFF_S[min(failures, len(BACKOFF_S)) - 1])
        self._cap.count()
        self._count("parked", 1)
        self._log.error("dead letter", topic=letter.topic, partition=letter.partition, offset=letter.offset,
                        reason=letter.reason, letter=str(letter.id),
                        correlation_id=_correlation_of(record))  # fmt: skip

    async def _wait_below_cap(self) -> None:
        while self._cap.full:
            if not self.paused:
                self._log.error("paused: too many dead letters in a minute")
            self._set_paused(True)
            await self._sleep(1.0)
        self._set_paused(False)

    def _set_paused(self, paused: bool) -> None:
        self.paused = paused
        self._metrics.paused.labels(self.consumer).set(int(paused))

    def _count(self, outcome: str, number: int) -> None:
        if number:
            self._metrics.events.labels(self.consumer, outcome).inc(number)


def _correlation_of(record: Record) -> str | None:
    """What ties a message to its chain of causes, where it can be read."""
    return next((value.decode("ascii", "replace") for name, value in record.headers if name == "correlationid"), None)
