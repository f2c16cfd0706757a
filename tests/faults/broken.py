"""Services with a broken delivery guarantee, which verify that the fault tests detect it.

`python -m tests.faults.broken FAULT SERVICE` serves like `python -m SERVICE`, and kills itself with SIGKILL once, at
the worst moment for its fault. It then creates the file RATCHET_TEST_DIED.
"""

import asyncio
import os
import runpy
import signal
import sys
from collections.abc import Collection, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID

from aiokafka import TopicPartition
from sqlalchemy import text

from collector.domain.group_plan import GroupWrite
from collector.domain.model import IngestItem, ItemStatus, NewFeedback, OutgoingEvent
from collector.ingest.group_commit import BatchWriter
from collector.settings import CollectorSettings
from collector.storage.group_repository import GroupRepository
from collector.storage.repository import PostgresRepository
from shared.messaging import delivery
from shared.messaging.consumer import SubscriptionConsumer
from shared.messaging.delivery import BatchPositions
from shared.messaging.offsets import OffsetCommits
from shared.messaging.outbox_holds import NOTHING_HELD, Held
from shared.messaging.producer import KafkaProducer
from shared.messaging.sql_store import SqlStore, SqlTx
from shared.messaging.store import Pending

_BEFORE = 3
"""Number of batches before the kill, so that it happens under load. Slow commits make few and large batches."""


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
    add = OffsetCommits.add

    async def claim(self: SqlTx, consumer: str, ids: Sequence[UUID]) -> set[UUID]:
        return set(ids)

    async def die_and_add(self: OffsetCommits, positions: Mapping[TopicPartition, int]) -> None:
        if self.group == "analyzer.quality":
            kill_once()
        await add(self, positions)

    SqlTx.claim = claim  # type: ignore[method-assign]
    OffsetCommits.add = die_and_add  # type: ignore[method-assign]


def ack_first(kill_once: KillOnce) -> None:
    """Acknowledge messages before they are processed; die between the two.

    The positions stored with the inbox would detect this and read the messages again, so this variant stores none.
    """

    async def consume(self: SubscriptionConsumer, message: Any) -> None:
        _, last = self._ends(message.raw_message)
        await self._offsets.add({partition: record.offset + 1 for partition, record in last.items()})
        await self._offsets.commit()
        if self.group == "analyzer.quality":
            kill_once()
        await self._process(message.raw_message)

    async def skip_position_check(self: SubscriptionConsumer) -> None:
        pass

    def skip_position_record(_: Sequence[Any]) -> BatchPositions:
        return BatchPositions([])

    SubscriptionConsumer.consume = consume  # type: ignore[method-assign]
    SubscriptionConsumer.compare_positions = skip_position_check  # type: ignore[method-assign]
    delivery.BatchPositions = skip_position_record  # type: ignore[assignment, misc]


def no_outbox(kill_once: KillOnce) -> None:
    """Send the collector's events after the commit, without outbox; die between the two."""
    producer = KafkaProducer(CollectorSettings.load())
    unsent: list[OutgoingEvent] = []
    write_group, write_items = GroupRepository.write, BatchWriter.write

    async def emit(self: PostgresRepository, outgoing: Sequence[OutgoingEvent]) -> None:
        unsent.extend(outgoing)

    async def write_without_events(self: GroupRepository, write: GroupWrite) -> bool:
        unsent.extend(write.outgoing)
        return await write_group(self, write._replace(outgoing=[]))

    async def write_and_send(self: BatchWriter, items: Sequence[IngestItem]) -> list[ItemStatus]:
        statuses = await write_items(self, items)
        if unsent:
            kill_once()
            await producer.send([event.message.decoded() for event in unsent])
            unsent.clear()
        return statuses

    PostgresRepository.emit = emit  # type: ignore[method-assign]
    GroupRepository.write = write_without_events  # type: ignore[method-assign]
    BatchWriter.write = write_and_send  # type: ignore[method-assign]


def mark_first(kill_once: KillOnce) -> None:
    """The collector's relay marks rows as sent before Kafka has acknowledged them; die between the two."""
    pending = SqlStore.pending

    async def pending_and_mark(
        self: SqlStore, shards: Collection[int], limit: int, max_bytes: int = 1 << 30, held: Held = NOTHING_HELD
    ) -> list[Pending]:
        found = await pending(self, shards, limit, max_bytes, held)
        if found:
            async with self.begin() as tx:
                marked = text("UPDATE collector.outbox SET sent_at = now() WHERE id = ANY(:ids)")
                await tx.conn.execute(marked, {"ids": [row.id for row in found]})
            kill_once()
        return found

    SqlStore.pending = pending_and_mark  # type: ignore[method-assign]


def answer_first(death: KillOnce) -> None:
    """Feedback is answered before its group is committed; it dies between the two.

    Executions are not: feedback about a lost one would wait for it.
    """
    write = BatchWriter.write
    late: list[asyncio.Task[None]] = []
    turn = asyncio.Lock()

    async def write_late(self: BatchWriter, items: Sequence[IngestItem]) -> None:
        async with turn:
            await asyncio.sleep(0.05)  # the answers are sent meanwhile
            death()
            await write(self, items)

    async def answer(self: BatchWriter, items: Sequence[IngestItem]) -> list[ItemStatus]:
        executions = [item for item in items if not isinstance(item, NewFeedback)]
        feedback = [item for item in items if isinstance(item, NewFeedback)]
        async with turn:
            written = iter(await write(self, executions) if executions else [])
        if feedback:
            late.append(asyncio.create_task(write_late(self, feedback)))
        return ["accepted" if isinstance(item, NewFeedback) else next(written) for item in items]

    BatchWriter.write = answer  # type: ignore[method-assign]


FAULTS = {
    "no-inbox": no_inbox,
    "ack-first": ack_first,
    "no-outbox": no_outbox,
    "mark-first": mark_first,
    "answer-first": answer_first,
}


def main(fault: str, service: str) -> None:
    FAULTS[fault](KillOnce())
    sys.argv = [service]
    runpy.run_module(service, run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
