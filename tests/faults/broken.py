"""Services with a broken delivery guarantee, which verify that the fault tests detect it.

`python -m tests.faults.broken FAULT SERVICE` serves like `python -m SERVICE`, and kills itself with SIGKILL once, at
the worst moment for its fault. It then creates the file RATCHET_TEST_DIED.
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
"""Number of batches processed before the kill, so that it happens under load."""


class KillOnce:
    """Kills this process once, at the chosen moment, unless a previous process has done so."""

    def __init__(self) -> None:
        self._moments = count(1)
        self._mark = Path(os.environ["RATCHET_TEST_DIED"])

    def __call__(self) -> None:
        if next(self._moments) >= _BEFORE and not self._mark.exists():
            self._mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


def no_inbox(kill_once: KillOnce) -> None:
    """Treat every event as new; die between a transaction and its acknowledgement."""
    commit = SubscriptionConsumer._commit

    async def claim(self: SqlTx, consumer: str, ids: Sequence[UUID]) -> set[UUID]:
        return set(ids)

    async def commit_and_die(self: SubscriptionConsumer, positions: dict[TopicPartition, int]) -> None:
        if self.group == "analyzer.quality":
            kill_once()
        await commit(self, positions)

    SqlTx.claim = claim  # type: ignore[method-assign]
    SubscriptionConsumer._commit = commit_and_die  # type: ignore[method-assign]


def ack_first(kill_once: KillOnce) -> None:
    """Acknowledge messages before they are processed; die between the two.

    The positions stored with the inbox would detect this and read the messages again, so this variant stores none.
    """

    async def consume(self: SubscriptionConsumer, message: Any) -> None:
        _, last = self._ends(message.raw_message)
        await self._commit({partition: record.offset + 1 for partition, record in last.items()})
        if self.group == "analyzer.quality":
            kill_once()
        await self._process(message.raw_message)

    async def skip_position_check(self: SubscriptionConsumer) -> None:
        pass

    def skip_position_record(_: Sequence[Any]) -> BatchPositions:
        return BatchPositions([])

    SubscriptionConsumer.consume = consume  # type: ignore[method-assign]
    SubscriptionConsumer.compare_positions = skip_position_check  # type: ignore[method-assign]
    delivery.BatchPositions = skip_position_record  # type: ignore[assignment, attr-defined]


def no_outbox(kill_once: KillOnce) -> None:
    """Send the collector's events after the commit, without outbox; die between the two."""
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
            kill_once()
            await producer.send([event.message for event in unsent])
            unsent.clear()

    PostgresRepository.emit = emit  # type: ignore[method-assign]
    DedicatedConnection.begin = begin_and_send  # type: ignore[method-assign]


FAULTS = {"no-inbox": no_inbox, "ack-first": ack_first, "no-outbox": no_outbox}


def main(fault: str, service: str) -> None:
    FAULTS[fault](KillOnce())
    sys.argv = [service]
    runpy.run_module(service, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
