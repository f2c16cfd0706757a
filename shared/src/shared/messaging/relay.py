"""The relay: sends the outbox to Kafka in order, with one owner per shard."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.events.message import MAX_PAYLOAD, Message
from shared.messaging.outbox_holds import NOTHING_HELD, OutboxHolds
from shared.messaging.send_result import SendResult
from shared.messaging.store import Outbox, Pending
from shared.runtime.failures import sqlstate_of
from shared.runtime.log import logger
from shared.runtime.prometheus_metrics import Metrics

BATCH_ROWS = 1000
BATCH_BYTES = 2_000_000
"""Maximum total size of the payloads in memory at once; a message has at most 900,000 bytes."""
_READ_ONLY = "25006"
_BACKOFF_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class PollIntervals:
    """How often a relay queries the database, in seconds. Commits of its own process wake it in addition.

    `poll`: between two queries for events of other instances; `renew`: between two renewals of the leases; `lease`:
    after the last renewal until another instance may take over.
    """

    poll: float = 0.1
    renew: float = 2.0
    lease: float = 10.0


class Producer(Protocol):
    """Sends messages to the bus."""

    async def send(self, messages: Sequence[Message]) -> list[SendResult]:
        """Send messages, those of a key in order; return the result of each before a lease ends. Never raises."""
        ...

    async def close(self) -> None: ...


class Relay:
    """Sends messages of the outbox and marks them as sent, for the shards on which this instance holds a lease.

    Messages that the bus does not accept are held back for a while, by key or by topic, so that they block no others;
    the order of a key is kept.

    After a crash between sending and marking, messages are sent again: consumers recognise an event by its id. The
    fencing token of a lease shows that another instance took it over, so a relay that was suspended cannot mark
    messages that it no longer owns.
    """

    def __init__(
        self,
        outbox: Outbox,
        producer: Producer,
        owner: str,
        shards: int,
        metrics: Metrics,
        pace: PollIntervals | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._outbox = outbox
        self._producer = producer
        self._owner = owner
        self._shards = shards
        self._metrics = metrics
        self._pace = pace or PollIntervals()
        self._monotonic = monotonic
        self._wake = asyncio.Event()
        self._holds = OutboxHolds()
        self.backlog = metrics.backlog
        self._log = logger(__name__)

    def wake(self) -> None:
        """Notify the relay of new messages in the outbox."""
        self._wake.set()

    async def run(self) -> None:
        """Relay until cancelled; retry after failures of the database or of Kafka."""
        failures = 0
        try:
            while True:
                try:
                    await self._relay_on_leases()
                    failures = 0
                except Exception as error:
                    failures += 1
                    self._metrics.relay_errors.inc()
                    self._metrics.read_only.set(sqlstate_of(error) == _READ_ONLY)
                    self._log.warning("relay failed; retrying", error=type(error).__name__, failures=failures)
                    await asyncio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1])
        finally:
            with contextlib.suppress(Exception):
                await asyncio.shield(self._outbox.release(self._owner))
            await self._producer.close()

    async def _relay_on_leases(self) -> None:
        """Take or renew the leases, and relay until they must be renewed."""
        tokens = await self._outbox.lease(self._shards, self._owner, self._pace.lease)
        self._metrics.read_only.set(0)  # the lease was written
        self.backlog.observe(await self._outbox.oldest_unsent())
        renew_at = self._monotonic() + self._pace.renew
        while (left := renew_at - self._monotonic()) > 0:
            self._wake.clear()
            if not tokens or not await self.pump(tokens):
                wait = min(left, self._holds.seconds_to_next_poll(self._monotonic(), self._pace.poll))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), wait)

    async def pump(self, tokens: dict[int, int]) -> bool:
        """Send one batch of the shards in `tokens`; return whether the next batch may follow at once.

        Raises ConnectionError if another instance took over a lease.
        """
        held = self._holds.current(self._monotonic())
        pending = await self._outbox.pending(tokens, BATCH_ROWS, BATCH_BYTES, held)
        more = bool(pending) and await self._send(tokens, pending)
        if not more and held == NOTHING_HELD and len(tokens) == self._shards:
            self.backlog.observe(None)
        return more

    async def _send(self, tokens: dict[int, int], pending: Sequence[Pending]) -> bool:
        results = await self._producer.send([row.message for row in pending])
        sent = [row for row, result in zip(pending, results, strict=True) if result is SendResult.SENT]
        if sent and not await self._outbox.mark_sent(tokens, self._owner, [row.id for row in sent]):
            raise ConnectionError("another instance took over the lease")
        self._count(sent)
        self._hold_back(pending, results)
        return _is_full(pending) or len(sent) < len(pending)

    def _hold_back(self, pending: Sequence[Pending], results: Sequence[SendResult]) -> None:
        failed = self._holds.update([(row.message.topic, row.message.key) for row in pending], results,
                                    self._monotonic())  # fmt: skip
        if failed:
            self._metrics.relay_errors.inc()
            self._log.warning("messages held back: the bus did not accept them", **failed)

    def _count(self, sent: Sequence[Pending]) -> None:
        for topic, number in Counter(row.message.topic for row in sent).items():
            self._metrics.relayed.labels(topic).inc(number)
            self._metrics.sent.add(topic, number)


def _is_full(pending: Sequence[Pending]) -> bool:
    """Return whether the outbox may hold more messages than this batch."""
    size = sum(len(row.message.value) for row in pending)
    return len(pending) == BATCH_ROWS or size > BATCH_BYTES - MAX_PAYLOAD
