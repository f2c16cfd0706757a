"""The relay: carries the outbox to Kafka, in order, one owner a shard."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.messaging.cloudevents import Message
from shared.messaging.store import Outbox, Pending
from shared.runtime.log import logger
from shared.runtime.metrics import Metrics

_BATCH = 1000
_BACKOFF_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a relay asks the database, in seconds. Its own process's commits wake it besides.

    `poll`: how long another instance's events may wait before this one sees them; `renew`: how long it relays on
    leases without renewing them; `lease`: how long after its last renewal another instance may take over.
    """

    poll: float = 0.1
    renew: float = 2.0
    lease: float = 10.0


class Producer(Protocol):
    """Sends messages to the bus."""

    async def send(self, messages: Sequence[Message]) -> list[bool]:
        """Sends in order; one flag a message: acknowledged by the brokers or not. Never raises, never hangs."""
        ...

    async def close(self) -> None: ...


class Relay:
    """Sends what is in the outbox and marks it as sent, for the shards that this instance holds a lease on.

    A crash between the two sends again: consumers know an event by its id. A lease that passed to another
    instance is noticed by its token, so a relay that slept too long can't mark what it no longer owns.
    """

    def __init__(
        self, outbox: Outbox, producer: Producer, owner: str, shards: int, metrics: Metrics, pace: Pace | None = None
    ) -> None:
        self._outbox = outbox
        self._producer = producer
        self._owner = owner
        self._shards = shards
        self._metrics = metrics
        self._pace = pace or Pace()
        self._wake = asyncio.Event()
        self._log = logger(__name__)

    def wake(self) -> None:
        """Something was put into the outbox just now."""
        self._wake.set()

    async def run(self) -> None:
        """Relays until cancelled. Failures of the database or of Kafka delay it and never end it."""
        failures = 0
        try:
            while True:
                try:
                    await self._hold()
                    failures = 0
                except Exception as error:
                    failures += 1
                    self._metrics.relay_errors.inc()
                    self._log.warning("relay failed", error=type(error).__name__, failures=failures)
                    await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1])
        finally:
            with contextlib.suppress(Exception):
                await asyncio.shield(self._outbox.release(self._owner))
            await self._producer.close()

    async def _hold(self) -> None:
        """Relays for as long as the leases just taken are fresh."""
        tokens = await self._outbox.lease(self._shards, self._owner, self._pace.lease)
        renew_at = time.monotonic() + self._pace.renew
        while (left := renew_at - time.monotonic()) > 0:
            self._wake.clear()
            sent = await self.pump(tokens) if tokens else 0
            if sent < _BATCH:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), min(self._pace.poll, left))

    async def pump(self, tokens: dict[int, int]) -> int:
        """Sends one batch of the shards in `tokens`; the number of messages sent and marked.

        Raises ConnectionError if a message was not acknowledged; it and all after it stay in the outbox.
        """
        pending = await self._outbox.pending(tokens, _BATCH)
        if not pending:
            return 0
        acknowledged = await self._producer.send([row.message for row in pending])
        sent = [row for row, ok in zip(pending, acknowledged, strict=True) if ok]
        if sent and not await self._outbox.mark_sent(tokens, self._owner, [row.id for row in sent]):
            raise ConnectionError("the lease passed to another instance")
        self._count(sent)
        if len(sent) < len(pending):
            raise ConnectionError("the bus did not acknowledge all messages")
        return len(sent)

    def _count(self, sent: Sequence[Pending]) -> None:
        for topic, number in Counter(row.message.topic for row in sent).items():
            self._metrics.relayed.labels(topic).inc(number)
            self._metrics.sent.add(topic, number)
