"""A Kafka client whose start is cancelled, at any moment, leaves no connection open."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from aiokafka.conn import AIOKafkaConnection
from aiokafka.protocol.metadata import MetadataRequest

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

DELAYS = [0.0, 0.002, 0.008, 0.032]
"""Seconds before consumers are cancelled, which then wait for the join of their group for 1.5 s."""


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


@pytest.fixture
def settings(embedded_kafka: str) -> ScratchSettings:
    return ScratchSettings(
        database_url="postgresql://unused", kafka_bootstrap=embedded_kafka, embedded_bus=True, instance="one"
    )


@pytest.mark.parametrize("client", [producing, consuming])
async def test_first_request_that_is_cancelled_leaves_no_connection_open(
    settings: ScratchSettings,
    client: Callable[[ScratchSettings], Callable[[], Awaitable[object]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An open connection is a ResourceWarning of the garbage collector, which fails this test."""
    asked, send = asyncio.Event(), AIOKafkaConnection.send

    def announce(connection: AIOKafkaConnection, request: Any, *arguments: Any, **named: Any) -> Any:
        if isinstance(request, MetadataRequest):
            asked.set()
        return send(connection, request, *arguments, **named)

    monkeypatch.setattr(AIOKafkaConnection, "send", announce)
    task: asyncio.Task[Any] = asyncio.ensure_future(client(settings)())
    await asked.wait()
    await cancel_all([task])
    gc.collect()


async def test_consumers_that_join_are_disconnected(settings: ScratchSettings) -> None:
    for delay in DELAYS:
        task: asyncio.Task[Any] = asyncio.ensure_future(consuming(settings)())
        await asyncio.sleep(delay)
        await cancel_all([task])
    gc.collect()
