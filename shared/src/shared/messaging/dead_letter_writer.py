"""Parks messages that cannot be processed as dead letters, and pauses a consumer that has too many of them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

from shared.events.base import Envelope, Event
from shared.messaging.cloudevents import Record
from shared.messaging.dead_letters import DeadLetter
from shared.messaging.store import Store
from shared.runtime.log import logger
from shared.runtime.prometheus_metrics import Metrics

GOOD_PER_LETTER = 10
"""Processed messages that compensate for one dead letter: up to one message in ten may be bad permanently."""


class DeadLetterBudget:
    """Counts a consumer's dead letters against a limit; processed messages restore it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._spent = 0.0

    @property
    def exhausted(self) -> bool:
        """Whether the limit is reached."""
        return self._spent >= self._limit

    @property
    def is_last(self) -> bool:
        """Whether the next dead letter reaches the limit."""
        return self._spent + 1 >= self._limit

    def count_letter(self) -> None:
        self._spent += 1

    def count_processed(self, messages: int) -> None:
        self._spent = max(0.0, self._spent - messages / GOOD_PER_LETTER)

    def restore(self) -> None:
        self._spent = 0.0


BACKOFF_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
RESUME_POLL_S = 1.0
"""How often a paused consumer checks whether an operator has resumed it."""


def backoff(failures: int) -> float:
    """Return the seconds to wait after `failures` consecutive failures (at least one)."""
    return BACKOFF_S[min(failures, len(BACKOFF_S)) - 1]


class DeadLetterWriter:
    """Dead letters and pause of one consumer.

    When too many messages fail (see `DeadLetterBudget`) the consumer pauses, in all instances and across restarts,
    until an operator resumes it.
    """

    def __init__(
        self,
        consumer: str,
        topics: Sequence[str],
        store: Store,
        metrics: Metrics,
        budget: DeadLetterBudget,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.consumer = consumer
        self.paused = False
        self._topics = topics
        self._store = store
        self._metrics = metrics
        self._budget = budget
        self._sleep = sleep
        self._log = logger(__name__).bind(consumer=consumer)

    async def park(self, record: Record, error: Exception) -> bool:
        """Store `record` as a dead letter, retrying until the database accepts it.

        Returns False, without storing anything, while the consumer is paused.
        """
        letter = DeadLetter.from_record(self.consumer, record, error)
        failures = 0
        while True:
            if self.paused:
                return False
            try:
                if await self._store_letter(letter):
                    break
            except Exception as failure:
                failures += 1
                self._log.warning("dead letter could not be stored; retrying", error=type(failure).__name__)
                await self._sleep(backoff(failures))
        self._metrics.events.labels(self.consumer, "parked").inc()
        self._log.error("dead letter", topic=letter.topic, partition=letter.partition, offset=letter.offset,
                        reason=letter.reason, letter=str(letter.id),
                        correlation_id=_correlation_of(record))  # fmt: skip
        return True

    async def _store_letter(self, letter: DeadLetter) -> bool:
        """Park `letter`; with the last letter of the budget, pause the consumer. Return False if it is paused already.

        Raises what the store raises.
        """
        async with self._store.begin() as tx:
            if await tx.pause_reason(self.consumer) is not None:
                self._set_paused(True)
                return False
            await tx.park(letter)
            if self._budget.is_last:
                reason = f"too many dead letters, the last one: {letter.reason}"
                await tx.pause(self.consumer, self._topics, reason)
        self._budget.count_letter()
        if self._budget.exhausted:
            self._set_paused(True)
            self._log.error("consumer paused until an operator resumes it: too many dead letters", reason=letter.reason)
        return True

    def count_processed(self, messages: int) -> None:
        """Restore the budget by messages that were processed."""
        self._budget.count_processed(messages)

    async def refresh(self) -> None:
        """Read from the store whether any instance has paused the consumer. Raises what the store raises."""
        async with self._store.begin() as tx:
            paused = await tx.pause_reason(self.consumer) is not None
        if self.paused and not paused:
            self._budget.restore()
            self._log.info("consumer resumed")
        self._set_paused(paused)

    async def resume(self, report: Envelope[Event]) -> bool:
        """Resume the consumer in all instances and emit `report`; return False if it is not paused."""
        async with self._store.begin() as tx:
            resumed = await tx.resume(self.consumer)
            if resumed:
                await tx.emit(report)
        await self.refresh()
        return resumed

    async def wait_until_resumed(self) -> None:
        """Return at once unless the consumer is paused; then check every second whether it is resumed."""
        while self.paused:
            await self._sleep(RESUME_POLL_S)
            with contextlib.suppress(Exception):  # the database may be unavailable
                await self.refresh()

    def _set_paused(self, paused: bool) -> None:
        self.paused = paused
        self._metrics.paused.labels(self.consumer).set(int(paused))


def _correlation_of(record: Record) -> str | None:
    """Return the correlation id in a message's headers, if there is one."""
    return next((value.decode("ascii", "replace") for name, value in record.headers if name == "correlationid"), None)
