"""Delivery: process every message exactly once, or park it where an operator can see it; drop none."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from uuid import UUID

from shared.errors import Permanent
from shared.events.base import Envelope, Event
from shared.messaging.cloudevents import Received, Record, decode
from shared.messaging.dead_letter_writer import DeadLetterBudget, DeadLetterWriter, backoff
from shared.messaging.dead_letters import DeadLetter
from shared.messaging.position_gaps import Partition, PositionGap
from shared.messaging.store import Store, Subscription, Tx
from shared.runtime.clock import Clock
from shared.runtime.failure_classification import FailureClass, classify
from shared.runtime.log import logger
from shared.runtime.prometheus_metrics import Metrics

UNKNOWN_ATTEMPTS = 3
"""Attempts to process a message that fails for an unknown reason."""

DecodedRecord = tuple[Record, Received[Event]]


class Delivery:
    """Processes batches for one subscription: inbox claim, effect and outbox in one transaction.

    `process` returns when every message of a batch has been processed (now or earlier) or parked; only then may its
    offsets be committed. It waits while the database is unavailable, and while the consumer is paused because of too
    many dead letters: nothing is committed then, and what was not parked stays in Kafka.

    With `keeps_positions`, each transaction also records the offsets up to which everything is processed. A batch
    that starts after the recorded position raises PositionGap and has no effect: see `shared.messaging.gap_detector`.
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
        self.processing = False
        self.retrying_since: datetime | None = None
        """Since when the current batch fails for a reason outside of it; None if it does not."""
        self.retrying_error = ""
        metrics.retrying.labels(consumer).set_function(self._retrying_seconds)
        topics = [event.topic for event in subscription.events]
        self._letters = DeadLetterWriter(consumer, topics, store, metrics, budget, sleep)
        self._subscription = subscription
        self._store = store
        self._clock = clock
        self._metrics = metrics
        self._sleep = sleep
        self._keeps_positions = keeps_positions
        self._positions = BatchPositions([])
        self._log = logger(__name__).bind(consumer=consumer)

    @property
    def paused(self) -> bool:
        """Whether too many dead letters have paused the consumer, as far as this instance knows."""
        return self._letters.paused

    async def refresh(self) -> None:
        """Read from the store whether any instance has paused the consumer. Raises what the store raises."""
        await self._letters.refresh()

    async def resume(self, report: Envelope[Event]) -> bool:
        """Resume the consumer in all instances and emit `report`; return False if it is not paused."""
        return await self._letters.resume(report)

    async def process(self, records: Sequence[Record]) -> None:
        """Process `records` once each, in their order. Raises PositionGap."""
        started, self.processing = time.perf_counter(), True
        self._positions = BatchPositions(records if self._keeps_positions else [])
        try:
            await self._letters.wait_until_resumed()
            decoded = await self._decode(records)
            for start in range(0, len(decoded), self._subscription.max_batch):
                await self._process(decoded[start : start + self._subscription.max_batch])
            await self._record_parked()
        finally:
            self.processing = False
            self.retrying_since = None
        self._metrics.batch_seconds.labels(self.consumer).observe(time.perf_counter() - started)

    async def _decode(self, records: Sequence[Record]) -> list[DecodedRecord]:
        """Return the decoded records; park those that cannot be decoded."""
        decoded: list[DecodedRecord] = []
        structs = self._subscription.structs
        for record in records:
            try:
                decoded.append((record, decode(record, structs)))
            except Permanent as error:
                while not await self._letters.park(record, error):
                    await self._letters.wait_until_resumed()
        return decoded

    async def _process(self, items: Sequence[DecodedRecord]) -> None:
        """Process a batch; halve one that fails until the bad message is alone, and park that."""
        failures = 0
        while items:
            await self._letters.wait_until_resumed()
            try:
                await self._run_transaction(items)
                self.retrying_since = None
                self._letters.count_processed(len(items))
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
                    await self._sleep(backoff(failures))
                elif len(items) > 1:
                    middle = len(items) // 2
                    await self._process(items[:middle])
                    items, failures = items[middle:], 0
                elif kind is FailureClass.PERMANENT or failures >= UNKNOWN_ATTEMPTS:
                    if await self._letters.park(items[0][0], error):
                        return
                    failures = 0  # resumed: the cause of the failure may have been repaired
                else:
                    await self._sleep(backoff(failures))

    async def _run_transaction(self, items: Sequence[DecodedRecord]) -> None:
        """Claim the events, call the handler with the new ones and record the positions, in one transaction."""
        unique: dict[UUID, Received[Event]] = {}
        for _, received in items:
            unique.setdefault(received.id, received)
        async with self._store.begin() as tx:
            fresh = await tx.claim(self.consumer, list(unique))
            events = [received for received in unique.values() if received.id in fresh]
            if events:
                await self._subscription.handler(tx, events)
            records = [record for record, _ in items]
            await self._positions.record(tx, self.consumer, records)
        self._positions.committed(records)
        self._count("processed", len(events))
        self._count("duplicate", len(items) - len(events))

    async def _record_parked(self) -> None:
        """Record the positions after messages that were parked at the end of a batch; wait for the database.

        A malformed message is parked before the messages that precede it are processed, and so records no position.
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
                self._log.warning("position could not be recorded; retrying", error=type(error).__name__)
                await self._sleep(backoff(failures))

    async def replay(self, letter: DeadLetter, report: Envelope[Event]) -> None:
        """Process a parked message again, mark its letter as replayed and emit `report`.

        Raises what the handler raises, then nothing is changed.
        """
        received = decode(letter)
        async with self._store.begin() as tx:
            if not await tx.unpark(letter.id, "replayed"):
                return
            if await tx.claim(self.consumer, [received.id]):
                await self._subscription.handler(tx, [received])
            await tx.emit(report)
        self._count("replayed", 1)

    async def discard(self, letter: DeadLetter, report: Envelope[Event]) -> bool:
        """Discard a parked message for good, also if it is sent again, and emit `report`.

        Returns False if it is not parked.
        """
        async with self._store.begin() as tx:
            if not await tx.unpark(letter.id, "discarded"):
                return False
            with contextlib.suppress(Permanent):
                await tx.claim(self.consumer, [decode(letter).id])
            await tx.emit(report)
        return True

    def _retrying_seconds(self) -> float:
        since = self.retrying_since
        return 0.0 if since is None else (self._clock.now() - since).total_seconds()

    def _count(self, outcome: str, number: int) -> None:
        if number:
            self._metrics.events.labels(self.consumer, outcome).inc(number)


class BatchPositions:
    """First and last offsets of one batch as Kafka delivered it; without records, nothing is recorded."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._firsts = {_partition(record): record.offset for record in reversed(records)}
        self._lasts = {_partition(record): record for record in records}
        self._recorded: dict[Partition, int] = {}

    async def record(self, tx: Tx, consumer: str, processed: Sequence[Record]) -> None:
        """Record the offsets after `processed`. Call it last in `tx`: it locks rows that other instances need.

        Raises PositionGap if the database's position is before the batch's first offset.
        """
        ends = {_partition(record): record.offset + 1 for record in processed if self._firsts}
        previous = await tx.record_positions(consumer, ends) if ends else {}
        for at in ends:
            position = previous.get(at, 0)
            if position is not None and position < self._firsts[at]:
                raise PositionGap

    def committed(self, processed: Sequence[Record]) -> None:
        """Note that the transaction which recorded `processed` was committed."""
        self._recorded |= {_partition(record): record.offset for record in processed}

    def unrecorded(self) -> list[Record]:
        """Return the last record of each partition that no transaction recorded, because it was parked."""
        return [record for at, record in self._lasts.items() if self._recorded.get(at) != record.offset]


def _partition(record: Record) -> Partition:
    return record.topic, record.partition
