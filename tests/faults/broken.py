"""Services with a promise of delivery broken, for the tests of the tests of faults.

`python -m tests.faults.broken FAULT SERVICE` serves like `python -m SERVICE`, and dies by SIGKILL once, at the
moment that is worst for its fault. The file RATCHET_TEST_DIED says that it did.
"""

import os
import runpy
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from aiokafka import TopicPartition

from collector.domain.model import OutgoingEvent
from collector.settings import CollectorSettings
from collector.storage.connections import DedicatedConnection
from collector.storage.repository import PostgresRepository
from shared.messaging import delivery
from shared.messaging.batch_positions import BatchPositions
from shared.messaging.consumer import SubscriptionConsumer
from shared.messaging.producer import KafkaProducer
from shared.messaging.sql_store import SqlTx

_BEFORE = 12
"""Batches that go well before the end: by then the load runs."""


class Death:
    """Ends this process at the chosen moment, unless an earlier life did so already."""

    def __init__(self) -> None:
        self._moments = count(1)
        self._mark = Path(os.environ["RATCHET_TEST_DIED"])

    def __call__(self) -> None:
        if next(self._moments) >= _BEFORE and not self._mark.exists():
            self._mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def no_inbox(death: Death) -> None:
    """Every event is taken for a new one; it dies between a transaction and its acknowledgement."""
    commit = SubscriptionConsumer._commit

    async def claim(self: SqlTx, consumer: str, ids: Sequence[UUID]) -> set[UUID]:
        return set(ids)

    async def dying(self: SubscriptionConsumer, positions: dict[TopicPartition, int]) -> None:
        if self.group == "analyzer.quality":
            death()
        await commit(self, positions)

    SqlTx.claim = claim  # type: ignore[method-assign]
    SubscriptionConsumer._commit = dying  # type: ignore[method-assign]


def ack_first(death: Death) -> None:
    """Messages are acknowledged before they are processed; it dies between the two.

    Positions beside the inbox would notice that and read the messages again, so this variant keeps none.
    """

    async def consume(self: SubscriptionConsumer, message: Any) -> None:
        _, last = self._ends(message.raw_message)
        await self._commit({partition: record.offset + 1 for partition, record in last.items()})
        if self.group == "analyzer.quality":
            death()
        await self._process(message.raw_message)

    async def compare_nothing(self: SubscriptionConsumer) -> None:
        pass

    def record_nothing(_: Sequence[Any]) -> BatchPositions:
        return BatchPositions([])

    SubscriptionConsumer.consume = consume  # type: ignore[method-assign]
    SubscriptionConsumer.compare_positions = compare_nothing  # type: ignore[method-assign]
    delivery.BatchPositions = record_nothing  # type: ignore[assignment, attr-defined]


def no_outbox(death: Death) -> None:
    """The collector sends its events itself after the commit; it dies between the two."""
    producer = KafkaProducer(CollectorSettings.load())
    unsent: list[OutgoingEvent] = []
    begin = DedicatedConnection.begin

    async def emit(self: PostgresRepository, outgoing: Sequence[OutgoingEvent]) -> None:
        unsent.extend(outgoing)

    @asynccontextmanager
    async def begin_and_send(self: DedicatedConnection) -> AsyncIterator[Any]:
        async with begin(self) as pg:
            yield pg
        if unsent:
            death()
            await producer.send([event.message for event in unsent])
            unsent.clear()

    PostgresRepository.emit = emit  # type: ignore[method-assign]
    DedicatedConnection.begin = begin_and_send  # type: ignore[method-assign]


FAULTS = {"no-inbox": no_inbox, "ack-first": ack_first, "no-outbox": no_outbox}


def main(fault: str, service: str) -> None:
    FAULTS[fault](Death())
    sys.argv = [service]
    runpy.run_module(service, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
