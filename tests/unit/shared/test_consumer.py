"""A consumer's lag and its age, reported only if known."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from faststream.kafka import KafkaMessage

from shared.messaging.consumer import ConsumerLag, PartitionLag, SubscriptionConsumer, lag_by_topic
from shared.messaging.flow_control import NoFlow
from shared.messaging.offsets import TopicEnds
from shared.runtime.prometheus_metrics import Metrics

ONE, TWO = TopicPartition("t", 0), TopicPartition("t", 1)


def test_lag_is_summed_and_the_oldest_age_counts() -> None:
    found = lag_by_topic([PartitionLag("a", 2, 50.0), PartitionLag("a", 3, 40.0), PartitionLag("b", 0, 10.0)])
    assert found == {"a": ConsumerLag(5, 40.0), "b": ConsumerLag(0, None)}


def test_one_unknown_partition_makes_the_oldest_unknown_only_if_it_is_behind() -> None:
    assert lag_by_topic([PartitionLag("a", 1, 50.0), PartitionLag("a", 1, None), PartitionLag("a", 1, 20.0)]) == {
        "a": ConsumerLag(3, None)
    }
    assert lag_by_topic([PartitionLag("a", 1, 50.0), PartitionLag("a", 0, None)]) == {"a": ConsumerLag(1, 50.0)}


@dataclass
class Record:
    topic: str
    partition: int
    offset: int
    timestamp: int


def record(offset: int, at: float, partition: int = 0) -> Record:
    return Record("t", partition, offset, int(at * 1000))


@dataclass
class Consumer:
    """The part of a Kafka consumer that a reader uses."""

    ends: dict[TopicPartition, int] = field(default_factory=dict)
    unavailable: bool = False
    resting: set[TopicPartition] = field(default_factory=set)

    def pause(self, *partitions: TopicPartition) -> None:
        self.resting |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self.resting -= set(partitions)

    def assignment(self) -> set[TopicPartition]:
        return set(self.ends)

    async def end_offsets(self, _: set[TopicPartition]) -> dict[TopicPartition, int]:
        if self.unavailable:
            raise ConnectionError
        return dict(self.ends)

    async def position(self, _: TopicPartition) -> int:
        return 0

    async def commit(self, _: dict[TopicPartition, int]) -> None:
        return None


@dataclass
class Subscriber:
    consumer: Consumer


@dataclass
class World:
    flow: NoFlow = field(default_factory=NoFlow)
    arrivals: TopicEnds = field(default_factory=TopicEnds)
    consumer: Consumer = field(default_factory=Consumer)
    metrics: Metrics = field(default_factory=lambda: Metrics("scratch"))
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    from_apps: bool = False
    reader: SubscriptionConsumer = field(init=False)

    def __post_init__(self) -> None:
        self.gate.set()
        self.reader = SubscriptionConsumer("c", self.process, True, self.flow, self.metrics, from_apps=self.from_apps)
        self.reader.subscriber = Subscriber(self.consumer)

    async def process(self, _: Sequence[Any]) -> None:
        await self.gate.wait()

    async def deliver(self, *records: Record) -> None:
        await self.reader.consume(KafkaMessage(body=b"", raw_message=cast(Any, records), consumer=cast(Any, None)))


@pytest.fixture
def world() -> World:
    return World()


async def test_lag_is_unknown_before_the_first_check_and_without_kafka(world: World) -> None:
    assert world.reader.measured == {}
    world.consumer.ends = {ONE: 3}
    assert await world.reader.measure(100.0) == {"t": ConsumerLag(3, None)}
    world.consumer.unavailable = True
    with pytest.raises(ConnectionError):
        await world.reader.measure(105.0)
    assert world.reader.measured == {}


async def test_age_counts_from_the_last_processed_message(world: World) -> None:
    await world.deliver(record(0, 50.0), record(1, 51.0))
    world.consumer.ends = {ONE: 5}
    assert await world.reader.measure(100.0) == {"t": ConsumerLag(3, 51.0)}


async def test_age_counts_from_the_last_time_without_lag(world: World) -> None:
    """Otherwise a message after a quiet night would seem as old as the night."""
    await world.deliver(record(0, 50.0))
    world.consumer.ends = {ONE: 1}
    assert await world.reader.measure(9_000.0) == {"t": ConsumerLag(0, None)}
    world.consumer.ends = {ONE: 2}
    assert await world.reader.measure(9_005.0) == {"t": ConsumerLag(1, 9_000.0)}


async def test_messages_being_processed_count_as_waiting(world: World) -> None:
    world.gate.clear()
    delivering = asyncio.create_task(world.deliver(record(7, 40.0), record(8, 41.0), record(3, 60.0, partition=1)))
    await asyncio.sleep(0)
    world.consumer.ends = {ONE: 10, TWO: 4}
    assert await world.reader.measure(100.0) == {"t": ConsumerLag(4, 40.0)}
    world.gate.set()
    await delivering
    assert await world.reader.measure(105.0) == {"t": ConsumerLag(1, 41.0)}
    assert world.metrics.processed.totals == {("c", "t"): 3}


@pytest.fixture
def notified() -> World:
    """A consumer whose messages are produced by this process."""
    arrivals = TopicEnds()
    world = World(NoFlow(arrivals), arrivals)
    arrivals.subscribe(world.reader.wake_partition)
    world.consumer.ends = {ONE: 0}
    return world


async def test_notified_consumer_stops_polling_at_the_end_until_a_message_is_sent(notified: World) -> None:
    notified.arrivals.record_sent("t", 0, 0)
    await notified.deliver(record(0, 50.0))
    assert notified.consumer.resting == {ONE}
    notified.arrivals.record_sent("t", 0, 1)
    assert not notified.consumer.resting


async def test_notified_consumer_polls_while_it_is_behind(notified: World) -> None:
    notified.arrivals.record_sent("t", 0, 0)
    notified.arrivals.record_sent("t", 0, 1)
    await notified.deliver(record(0, 50.0))
    assert not notified.consumer.resting


async def test_check_finds_messages_of_other_processes(notified: World) -> None:
    await notified.reader.measure(100.0)
    assert notified.consumer.resting == {ONE}
    notified.consumer.ends = {ONE: 1}
    await notified.reader.measure(130.0)
    assert not notified.consumer.resting


async def test_end_offsets_are_requested_every_30_seconds_at_most(notified: World) -> None:
    await notified.reader.measure(100.0)
    notified.consumer.unavailable = True
    notified.arrivals.record_sent("t", 0, 4)
    assert await notified.reader.measure(129.0) == {"t": ConsumerLag(5, 100.0)}
    with pytest.raises(ConnectionError):
        await notified.reader.measure(130.0)


async def test_messages_of_apps_are_found_by_each_check_and_read_until_there_are_no_more() -> None:
    world = World(NoFlow(TopicEnds()), from_apps=True)
    world.consumer.ends = {ONE: 0}
    await world.reader.measure(100.0)
    assert world.consumer.resting == {ONE}
    world.consumer.ends = {ONE: 1}
    await world.reader.measure(105.0)
    assert not world.consumer.resting
    await world.deliver(record(0, 101.0))
    assert not world.consumer.resting, "another one may have arrived meanwhile"
    await world.reader.measure(110.0)
    assert world.consumer.resting == {ONE}


async def test_end_offsets_are_requested_for_a_new_partition_and_after_a_clock_change(notified: World) -> None:
    await notified.reader.measure(100.0)
    notified.consumer.ends = {ONE: 0, TWO: 7}
    assert (await notified.reader.measure(101.0))["t"].lag == 7
    notified.consumer.ends = {ONE: 0, TWO: 9}
    assert (await notified.reader.measure(99.0))["t"].lag == 9


async def test_end_offsets_are_requested_each_time_without_notifications(world: World) -> None:
    world.consumer.ends = {ONE: 3}
    await world.reader.measure(100.0)
    world.consumer.ends = {ONE: 5}
    assert (await world.reader.measure(105.0))["t"].lag == 5


async def test_message_sent_during_a_check_is_not_missed(notified: World) -> None:
    """Kafka's response is older than the message acknowledged meanwhile."""
    notified.arrivals.record_sent("t", 0, 0)
    await notified.reader.measure(100.0)
    assert not notified.consumer.resting


async def test_consumer_without_notifications_keeps_polling(world: World) -> None:
    world.consumer.ends = {ONE: 1}
    await world.deliver(record(0, 50.0))
    await world.reader.measure(100.0)
    assert not world.consumer.resting


async def test_message_of_another_members_partition_is_not_fetched(notified: World) -> None:
    notified.consumer.resting = {TWO}
    notified.arrivals.record_sent("t", 1, 0)
    assert notified.consumer.resting == {TWO}
