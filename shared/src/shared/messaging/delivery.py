"""Delivery: every message is taken exactly once, or parked where a person can see it; none is dropped."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

from shared.errors import Permanent
from shared.events.base import Envelope, Event
from shared.messaging.batch_positions import BatchPositions
from shared.messaging.cloudevents import Received, Record, decode
from shared.messaging.consumed_positions import PositionGap
from shared.messaging.dead_letter_budget import DeadLetterBudget
from shared.messaging.store import DeadLetter, Store, Subscription
from shared.runtime.clock import Clock
from shared.runtime.failures import FailureClass, classify
from shared.runtime.log import logger
from shared.runtime.metrics import Metrics

BACKOFF_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
UNKNOWN_ATTEMPTS = 3
RESUME_POLL_S = 1.0
"""How often a paused consumer asks whether an operator resumed it."""

Item = tuple[Record, Received[Event]]


class Delivery:
    """Settles batches for one subscription: inbox claim, effect and outbox in one transaction.

    `settle` returns when every message of a batch is taken, known already, or parked; only then may its
    offsets be acknowledged. While the database is away it waits.

    With `keeps_positions`, each transaction records beside the inbox up to which offsets everything is taken. A batch
    that starts after that raises PositionGap, and has no effect: see `shared.messaging.gaps`.

    Where too many messages fail (see `DeadLetterBudget`) the consumer pauses, in all instances and over restarts, until
    an operator resumes it. Nothing is acknowledged meanwhile: what was not parked stays in Kafka.
    """

    def __init__(
        self,
        consumer: str,
        subscription: Subscription,
        store: Store,
        clock: Clock,
        metrics: Metrics,
        budget: DeadLetterBudget,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        keeps_positions: bool = False,
    ) -> None:
        self.consumer = consumer
        self.paused = False
        self.settling = False
        self.retrying_since: datetime | None = None
        """Since when the batch in hand fails for a reason that is not its own; None while all is well."""
        self.retrying_error = ""
        metrics.retrying.labels(consumer).set_function(self._retrying_seconds)
        self._subscription = subscription
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._budget = budget
        self._sleep = sleep
        self._keeps_positions = keeps_positions
        self._positions = BatchPositions([])
        self._log = logger(__name__).bind(consumer=consumer)

    async def settle(self, records: Sequence[Record]) -> None:
        """Takes `records`, once each, in their order. Raises PositionGap."""
        started, self.settling = time.perf_counter(), True
        self._positions = BatchPositions(records if self._keeps_positions else [])
        try:
            await self._wait_until_resumed()
            items = await self._decode(records)
            for start in range(0, len(items), self._subscription.max_batch):
                await self._settle(items[start : start + self._subscription.max_batch])
            await self._record_parked()
        finally:
            self.settling = False
            self.retrying_since = None
        self._metrics.batch_seconds.labels(self.consumer).observe(time.perf_counter() - started)

    async def _decode(self, records: Sequence[Record]) -> list[Item]:
        items: list[Item] = []
        for record in records:
            try:
                items.append((record, decode(record)))
            except Permanent as error:
                while not await self._park(record, error):
                    await self._wait_until_resumed()
        return items

    async def _settle(self, items: Sequence[Item]) -> None:
        """A batch that fails is halved until the bad message stands alone; the rest goes on."""
        failures = 0
        while items:
            await self._wait_until_resumed()
            try:
                await self._take(items)
                self.retrying_since = None
                self._budget.count_settled(len(items))
                return
            except PositionGap:
                raise
            except Exception as error:
                failures += 1
                kind = classify(error)
                self._metrics.retries.labels(self.consumer).inc()
                self._log.warning("batch failed", error=type(error).__name__, size=len(items), kind=kind.value,
                                  correlation_id=items[0][1].correlation_id)  # fmt: skip
                if kind is FailureClass.RETRYABLE:
                    self.retrying_since = self.retrying_since or self._clock.now()
                    self.retrying_error = type(error).__name__
                    await self._sleep(BACKOFF_S[min(failures, len(BACKOFF_S)) - 1])
                elif len(items) > 1:
                    middle = len(items) // 2
                    await self._settle(items[:middle])
                    items, failures = items[middle:], 0
                elif kind is FailureClass.PERMANENT or failures >= UNKNOWN_ATTEMPTS:
                    if await self._park(items[0][0], error):
                        return
                    failures = 0  # resumed: what made it fail may have been repaired
                else:
                    await self._sleep(BACKOFF_S[failures - 1])

    async def _take(self, items: Sequence[Item]) -> None:
        unique: dict[UUID, Received[Event]] = {}
        for _, received in items:
            unique.setdefault(received.id, received)
        async with self._store.begin() as tx:
            fresh = await tx.claim(self.consumer, list(unique))
            events = [received for received in unique.values() if received.id in fresh]
            if events:
                await self._subscription.handler(tx, events)
            taken = [record for record, _ in items]
            await self._positions.record(tx, self.consumer, taken)
        self._positions.committed(taken)
        self._count("taken", len(events))
        self._count("known", len(items) - len(events))

    async def _record_parked(self) -> None:
        """Records the positions after messages that were parked at the end of a batch; waits for the database.

        A malformed message is parked before those that precede it are taken, and so does not record a position itself.
        """
        failures = 0
        while parked := self._positions.unrecorded():
            try:
                async with self._store.begin() as tx:
                    await self._positions.record(tx, self.consumer, parked)
                self._positions.committed(parked)
            except PositionGap:
                raise
            except Exception as error:
                failures += 1
                self._log.warning("position not recorded yet", error=type(error).__name__)
                await self._sleep(BACKOFF_S[min(failures, len(BACKOFF_S)) - 1])

    async def replay(self, letter: DeadLetter, report: Envelope[Event]) -> None:
        """Takes a parked message again, settles the letter and says so. Raises what the handler raises."""
        received = decode(letter)
        async with self._store.begin() as tx:
            if not await tx.unpark(letter.id, "replayed"):
                return
            if await tx.claim(self.consumer, [received.id]):
                await self._subscription.handler(tx, [received])
            await tx.emit(report)
        self._count("replayed", 1)

    async def discard(self, letter: DeadLetter, report: Envelope[Event]) -> bool:
        """Gives a parked message up for good, also if it is sent again, and says so; False if it was not parked."""
        async with self._store.begin() as tx:
            if not await tx.unpark(letter.id, "discarded"):
                return False
            with contextlib.suppress(Permanent):
                await tx.claim(self.consumer, [decode(letter).id])
            await tx.emit(report)
        return True

    async def _park(self, record: Record, error: Exception) -> bool:
        """Keeps the message as a dead letter; waits for the database. False where the consumer is paused instead."""
        letter = DeadLetter.of(self.consumer, record, error)
        failures = 0
        while True:
            if self.paused:
                return False
            try:
                if await self._keep(letter):
                    break
            except Exception as failure:
                failures += 1
                self._log.warning("dead letter not kept yet", error=type(failure).__name__)
                await self._sleep(BACKOFF_S[min(failures, len(BACKOFF_S)) - 1])
        self._count("parked", 1)
        self._log.error("dead letter", topic=letter.topic, partition=letter.partition, offset=letter.offset,
                        reason=letter.reason, letter=str(letter.id),
                        correlation_id=_correlation_of(record))  # fmt: skip
        return True

    async def _keep(self, letter: DeadLetter) -> bool:
        """Parks it, and pauses the consumer with the last letter of its budget; False where it is paused already."""
        async with self._store.begin() as tx:
            if await tx.pause_reason(self.consumer) is not None:
                self._set_paused(True)
                return False
            await tx.park(letter)
            if self._budget.is_last:
                reason = f"too many dead letters, the last one: {letter.reason}"
                await tx.pause(self.consumer, [event.topic for event in self._subscription.events], reason)
        self._budget.count_letter()
        if self._budget.exhausted:
            self._set_paused(True)
            self._log.error("paused until an operator resumes: too many dead letters", reason=letter.reason)
        return True

    async def refresh(self) -> None:
        """Asks the store whether the consumer is paused, by whichever instance. Raises what the store raises."""
        async with self._store.begin() as tx:
            paused = await tx.pause_reason(self.consumer) is not None
        if self.paused and not paused:
            self._budget.restore()
            self._log.info("resumed")
        self._set_paused(paused)

    async def resume(self, report: Envelope[Event]) -> bool:
        """Let the consumer go on, in all instances, and emit `report`; False if it was not paused."""
        async with self._store.begin() as tx:
            resumed = await tx.resume(self.consumer)
            if resumed:
                await tx.emit(report)
        await self.refresh()
        return resumed

    async def _wait_until_resumed(self) -> None:
        while self.paused:
            await self._sleep(RESUME_POLL_S)
            with contextlib.suppress(Exception):  # a database that is away
                await self.refresh()

    def _retrying_seconds(self) -> float:
        since = self.retrying_since
        return 0.0 if since is None else (self._clock.now() - since).total_seconds()

    def _set_paused(self, paused: bool) -> None:
        self.paused = paused
        self._metrics.paused.labels(self.consumer).set(int(paused))

    def _count(self, outcome: str, number: int) -> None:
        if number:
            self._metrics.events.labels(self.consumer, outcome).inc(number)


def _correlation_of(record: Record) -> str | None:
    """What ties a message to its chain of causes, where it can be read."""
    return next((value.decode("ascii", "replace") for name, value in record.headers if name == "correlationid"), None)
