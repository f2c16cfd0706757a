"""A common interface of buses, as of `FakeBus`, for brokers that speak Kafka's protocol."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.events.message import OutgoingMessage
from shared.messaging.cloudevents import Record
from shared.messaging.producer import KafkaProducer
from shared.messaging.send_result import SendResult
from shared.testing.bus import Partition
from tests.support.eventually import eventually
from tests.support.messaging import ScratchSettings

_POLL_MS = 50
_HEARTBEAT_MS = 100
"""Heartbeat interval: a member is informed of a rebalance at its next heartbeat."""
_SESSION_MS = 6000
"""Session timeout: the minimum of Apache Kafka. In the embedded broker a partition is free once this has expired."""


class Member(Protocol):
    """A member of a consumer group."""

    async def poll(self, limit: int = 500) -> Sequence[Record]: ...
    async def commit(self, offsets: Mapping[Partition, int]) -> None: ...
    async def leave(self) -> None: ...


class AnyBus(Protocol):
    """The common interface of `FakeBus` and `KafkaBus`."""

    async def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]: ...
    async def join(self, group: str, topics: Sequence[str], member: str) -> Member: ...
    async def close(self) -> None: ...


class KafkaMember:
    """An aiokafka consumer with the methods of `FakeConsumer`."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def poll(self, limit: int = 500) -> Sequence[Record]:
        """Return the messages of a short wait, possibly none."""
        batches = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=limit)
        return [record for batch in batches.values() for record in batch]

    async def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Commit these offsets explicitly, as the services do."""
        await self._consumer.commit({TopicPartition(*partition): offset for partition, offset in offsets.items()})

    async def leave(self) -> None:
        """Leave the group; may be called twice."""
        await self._consumer.stop()


class KafkaBus:
    """A broker at `bootstrap`, with the services' producer and plain consumers."""

    def __init__(self, bootstrap: str) -> None:
        settings = ScratchSettings(database_url="postgresql://unused", kafka_bootstrap=bootstrap)
        self._bootstrap = bootstrap
        self._producer = KafkaProducer(settings)
        self._members: list[KafkaMember] = []

    async def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        return await self._producer.send(messages)

    async def join(self, group: str, topics: Sequence[str], member: str) -> KafkaMember:
        """Return a new member once partitions are assigned to it."""
        consumer = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=self._bootstrap,
            client_id=member,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=_POLL_MS,
            heartbeat_interval_ms=_HEARTBEAT_MS,
            session_timeout_ms=_SESSION_MS,
        )
        joined = KafkaMember(consumer)
        self._members.append(joined)
        await consumer.start()
        return joined

    async def close(self) -> None:
        for member in self._members:
            await member.leave()
        await self._producer.close()


async def read(count: int, *members: Member) -> list[list[Record]]:
    """Return what each of `members` has read once they have read at least `count` messages together."""
    found: list[list[Record]] = [[] for _ in members]

    async def enough() -> bool:
        for member, records in zip(members, found, strict=True):
            records.extend(await member.poll())
        return sum(map(len, found)) >= count

    await eventually(enough)
    return found


def after(records: Sequence[Record]) -> dict[Partition, int]:
    """Return the offset after the last of `records` by partition: what to commit once all are processed."""
    return {(record.topic, record.partition): record.offset + 1 for record in records}
