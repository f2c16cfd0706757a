"""The relay: sends the outbox to Kafka in order, with one owner per shard."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Protocol

from shared.events.message import OutgoingMessage
from shared.messaging.outbox_holds import NOTHING_HELD, OutboxHolds
from shared.messaging.send_result import SendResult
from shared.messaging.store import Outbox, Pending, Progress
from shared.runtime.failure_classification import sqlstate_of
from shared.runtime.log import logger
from shared.runtime.prometheus_metrics import Metrics

BATCH_ROWS = 1000
BATCH_BYTES = 2_000_000
"""Maximum total size of the rows in memory at once; a row has at most 256 KiB, or one message."""
_READ_ONLY = "25006"
_BACKOFF_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class PollIntervals:
    """How often a relay queries the database, in seconds. Commits of its own process wake it in addition.

    `poll`: between two queries for events of other instances; `gather`: from the start of a query until commits wake
    the next one, so that under load many messages share the cost of a query, while a lone one is sent at once; `renew`:
    between two renewals of the leases; `lease`: after the last renewal until another instance may take over.
    """

    poll: float = 0.1
    gather: float = 0.005
    renew: float = 2.0
    lease: float = 10.0


class Producer(Protocol):
    """Sends messages to the bus."""

    async def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
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
        await self._count_set_aside()
        renew_at = self._monotonic() + self._pace.renew
        while (left := renew_at - self._monotonic()) > 0:
            started = self._monotonic()
            self._wake.clear()
            if not tokens or not await self.pump(tokens):
                wait = min(left, self._holds.seconds_to_next_poll(self._monotonic(), self._pace.poll))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), wait)
                await asyncio.sleep(max(0.0, started + self._pace.gather - self._monotonic()))

    async def pump(self, tokens: dict[int, int]) -> bool:
        """Send one batch of the shards in `tokens`; return whether the next batch may follow at once.

        Raises ConnectionError if another instance took over a lease.
        """
        held = self._holds.current(self._monotonic())
        rows = await self._outbox.pending(tokens, BATCH_ROWS, BATCH_BYTES, held)
        await self._set_aside(tokens, [row for row in rows if row.fault is not None])
        readable = [row for row in rows if row.fault is None]
        complete = not readable or await self._send(tokens, readable)
        more = not complete or len(readable) < len(rows) or _is_full(rows)
        more = more or (held != NOTHING_HELD and self._holds.current(self._monotonic()) != held)  # a hold has ended
        if not more and held == NOTHING_HELD and len(tokens) == self._shards:
            self.backlog.observe(None)
        return more

    async def _set_aside(self, tokens: dict[int, int], unreadable: Sequence[Pending]) -> None:
        for row in unreadable:
            self._log.error(
                "outbox row set aside: it cannot be read", row=row.id, topic=row.topic, key=row.key, fault=row.fault
            )
        if unreadable:
            self._metrics.relay_errors.inc()
            _require(await self._outbox.set_aside(tokens, self._owner, [row.id for row in unreadable]))
            await self._count_set_aside()

    async def _send(self, tokens: dict[int, int], rows: Sequence[Pending]) -> bool:
        """Send rows and record what was sent; return whether that was everything."""
        messages = [message for row in rows for message in row.messages]
        results = await self._producer.send(messages)
        progress = sent_progress(rows, results)
        if progress:
            _require(await self._outbox.mark_sent(tokens, self._owner, progress))
        self._count(rows, progress)
        self._hold_back(messages, results)
        return sum(done.sent - done.first for done in progress) == len(messages)

    def _hold_back(self, messages: Sequence[OutgoingMessage], results: Sequence[SendResult]) -> None:
        failed = self._holds.update([(message.topic, message.key) for message in messages], results, self._monotonic())
        if failed:
            self._metrics.relay_errors.inc()
            self._log.warning("messages held back: the bus did not accept them", **failed)

    def _count(self, rows: Sequence[Pending], progress: Sequence[Progress]) -> None:
        topics = {row.id: row.topic for row in rows}
        for done in progress:
            topic, number = topics[done.id], done.sent - done.first
            self._metrics.relayed.labels(topic).inc(number)
            self._metrics.sent.add(topic, number)

    async def _count_set_aside(self) -> None:
        self.backlog.set_aside = await self._outbox.count_set_aside()


def sent_progress(rows: Sequence[Pending], results: Sequence[SendResult]) -> list[Progress]:
    """Return how far each row was sent, by the results of all messages of `rows` in order (pure).

    The messages of a key count up to the first that was not acknowledged: what follows it is sent again after it.
    """
    found, left = [], iter(results)
    stopped: set[tuple[str, str]] = set()
    for row in rows:
        acknowledged = list(islice(left, len(row.messages)))
        sent = sum(1 for _ in takewhile(lambda result: result is SendResult.SENT, acknowledged))
        if sent and (row.topic, row.key) not in stopped:
            found.append(Progress(row.id, row.first, row.first + sent))
        if sent < len(row.messages):
            stopped.add((row.topic, row.key))
    return found


def _require(held: bool) -> None:
    if not held:
        raise ConnectionError("another instance took over the lease")


def _is_full(rows: Sequence[Pending]) -> bool:
    """Return whether the outbox may hold more rows than these."""
    return len(rows) == BATCH_ROWS or sum(row.size for row in rows) > BATCH_BYTES // 2
