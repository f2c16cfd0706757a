"""A partition with traffic is read on at once after a slow batch, while the other partitions are silent."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.events.message import OutgoingMessage
from shared.messaging.fetch_order import fetch_all_partitions
from shared.messaging.topics import PARTITIONS
from tests.support.buses import KafkaBus

TOPIC = "feedback.created"
HOLD_S = 4.0
"""How long Kafka holds a fetch of partitions without messages."""
SLOW_S = 0.5
"""A batch that takes longer than aiokafka waits before it fetches the other partitions."""

pytestmark = pytest.mark.kafka


@pytest.fixture
async def bus(kafka_bootstrap: str) -> AsyncIterator[KafkaBus]:
    bus = KafkaBus(kafka_bootstrap)
    yield bus
    await bus.close()


@pytest.fixture
async def consumer(kafka_bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka_bootstrap, auto_offset_reset="latest", fetch_max_wait_ms=int(1000 * HOLD_S)
    )
    await consumer.start()
    yield consumer
    await consumer.stop()


async def pause_after_slow_batch(bus: KafkaBus, consumer: AIOKafkaConsumer) -> float:
    """Return the seconds from the end of a slow batch until the message sent during it is received."""

    async def send() -> None:
        await bus.send([OutgoingMessage(TOPIC, "acme/bot", b"{}", (("ce_id", "1"),))])

    partitions = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
    consumer.assign(partitions)
    await consumer.seek_to_end(*partitions)
    await send()
    assert await consumer.getmany(timeout_ms=10_000)
    await send()  # fetched, and not taken while the first is processed
    await asyncio.sleep(SLOW_S)
    await send()
    assert await consumer.getmany(timeout_ms=10_000)
    began = time.monotonic()
    assert await consumer.getmany(timeout_ms=10_000)
    return time.monotonic() - began


async def test_nothing_is_held_back_after_a_slow_batch(bus: KafkaBus, consumer: AIOKafkaConsumer) -> None:
    fetch_all_partitions(consumer)
    assert await pause_after_slow_batch(bus, consumer) < HOLD_S / 2


async def test_without_it_the_partition_waits_for_the_others(bus: KafkaBus, consumer: AIOKafkaConsumer) -> None:
    """Shows that the setting is needed: once this fails, aiokafka no longer needs it."""
    assert await pause_after_slow_batch(bus, consumer) > HOLD_S / 2
