"""A Kafka client whose start is cancelled, at any moment, leaves no connection open."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from shared.events.feedback import FeedbackCreated
from shared.events.message import OutgoingMessage
from shared.messaging.bus import Bus
from shared.messaging.cloudevents import Received
from shared.messaging.producer import KafkaProducer
from shared.messaging.store import Subscription, Tx
from shared.runtime.background import cancel_all
from shared.runtime.clock import SystemClock
from shared.runtime.prometheus_metrics import Metrics
from shared.testing.store import FakeStore
from tests.support.messaging import ScratchSettings

DELAYS = [0.0, 0.002, 0.004, 0.008, 0.016]
"""Seconds before the cancellation: a start takes about 10 ms."""


def producing(settings: ScratchSettings) -> Callable[[], Awaitable[object]]:
    producer = KafkaProducer(settings)

    async def send() -> None:
        try:
            await producer.send([OutgoingMessage("effects", "key", b"value", ())])
        finally:
            await producer.close()

    return send


def consuming(settings: ScratchSettings) -> Callable[[], Awaitable[object]]:
    async def ignore(tx: Tx, events: Sequence[Received[Any]]) -> None: ...

    subscription = Subscription("effects", (FeedbackCreated,), ignore)
    return Bus(settings, [subscription], [], FakeStore(), SystemClock(), Metrics("scratch")).run


@pytest.mark.parametrize("client", [producing, consuming])
async def test_cancelled_start_leaves_no_connection_open(
    embedded_kafka: str, client: Callable[[ScratchSettings], Callable[[], Awaitable[object]]]
) -> None:
    """An open connection is a ResourceWarning of the garbage collector, which fails this test."""
    settings = ScratchSettings(
        database_url="postgresql://unused", kafka_bootstrap=embedded_kafka, embedded_bus=True, instance="one"
    )
    for delay in DELAYS:
        started = client(settings)
        task: asyncio.Task[Any] = asyncio.ensure_future(started())
        await asyncio.sleep(delay)
        await cancel_all([task])
    gc.collect()
