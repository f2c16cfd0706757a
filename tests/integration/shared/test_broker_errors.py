"""Any error code from a broker: nothing is lost or counted twice, and nothing blocks forever."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from ratchet_local.embedded import EmbeddedBroker
from shared.events.feedback import FeedbackCreated
from shared.events.message import OutgoingMessage
from shared.messaging.bus import Bus
from shared.messaging.cloudevents import Received
from shared.messaging.kafka_broker import SessionTimes
from shared.messaging.producer import KafkaProducer
from shared.messaging.relay import Relay
from shared.messaging.send_result import SendResult
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Subscription, Tx
from shared.runtime.background import cancel_all
from shared.runtime.clock import SystemClock
from shared.runtime.prometheus_metrics import Metrics
from tests.support.eventually import eventually
from tests.support.messaging import SCHEMA, ScratchSettings, envelope, feedback, scratch_engine
from tests.support.soak import scaled

TIMES = scaled(1, 100)
MOST_SEND_S = 30.0
SESSION = SessionTimes(timeout_ms=6_000, heartbeat_ms=1_000)
"""Shorter than the embedded broker's: after some errors, a consumer joins again only once its session has expired."""

PRODUCE, OFFSET_COMMIT, JOIN_GROUP, HEARTBEAT, SYNC_GROUP = 0, 8, 11, 12, 14
# 46 (duplicate sequence number) is left out: only an idempotent producer can receive it, and ours is not.
CODES = {
    PRODUCE: (-1, 2, 3, 5, 6, 7, 8, 9, 10, 13, 17, 18, 19, 20, 21, 29, 31, 32, 33, 35, 42, 43, 44, 45, 47, 56, 87, 89),
    OFFSET_COMMIT: scaled((7, 14, 16, 25, 28), (-1, 3, 7, 12, 14, 15, 16, 22, 25, 27, 28, 29, 30)),
    # 23, 24, 26 and 30 end aiokafka's consumer permanently: a new one joins.
    JOIN_GROUP: (14, 15, 16, 25, 23, 24, 26, 30),
    # 30 also ends it, but without an error to its caller: the watchdog notices after a minute.
    HEARTBEAT: scaled((25,), (15, 16, 22, 25, 27, 30)),
    SYNC_GROUP: scaled((16, 25), (15, 16, 22, 25, 27)),
}


class TimedProducer(KafkaProducer):
    """Records the duration of the longest `send`."""

    longest = 0.0

    async def send(self, messages: Sequence[OutgoingMessage]) -> list[SendResult]:
        started = time.monotonic()
        try:
            return await super().send(messages)
        finally:
            self.longest = max(self.longest, time.monotonic() - started)


@dataclass
class World:
    """A relay and a consumer with one embedded broker."""

    broker: EmbeddedBroker
    store: SqlStore
    producer: TimedProducer
    metrics: Metrics
    effects: Counter[float] = field(default_factory=Counter)
    emitted: int = 0

    async def handle(self, _: Tx, events: Sequence[Received[Any]]) -> None:
        self.effects.update(received.event.value for received in events)

    async def emit(self) -> None:
        async with self.store.begin() as tx:
            number = self.emitted
            await tx.emit(envelope(feedback(target=f"bot-{number % 7}", value=float(number))))
        self.emitted += 1

    async def inject_errors(self, api: int, codes: Sequence[int]) -> None:
        """Inject the codes, and emit until each of them has been returned to a request."""
        before = self.broker.request_count(api)
        self.broker.fail(api, codes)

        async def all_returned() -> bool:
            await self.emit()
            return self.broker.request_count(api) - before >= len(codes)

        await eventually(all_returned, within=60 + 5 * len(codes))


@pytest.fixture
async def world(postgres_dsn: str, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    """Optional parameter: an API key whose codes the consumer receives while it joins the group."""
    broker = EmbeddedBroker({"feedback.created": 4})
    broker.start_tracking()
    if (api := getattr(request, "param", None)) is not None:
        broker.fail(api, CODES[api])
    engine = await scratch_engine(postgres_dsn)
    settings = ScratchSettings(
        database_url="postgresql://unused", kafka_bootstrap=broker.bootstrap, embedded_bus=True, instance="one"
    )
    metrics = Metrics("scratch")
    store, producer = SqlStore(engine, SCHEMA), TimedProducer(settings)
    world = World(broker, store, producer, metrics)
    relay = Relay(store, producer, "one", store.shards, metrics)
    store.on_emit = relay.wake
    subscription = Subscription("effects", (FeedbackCreated,), world.handle)
    bus = Bus(settings, [subscription], [], store, SystemClock(), metrics, session=SESSION)
    tasks = [asyncio.create_task(relay.run()), asyncio.create_task(bus.run())]
    yield world
    await cancel_all(tasks)
    await engine.dispose()
    broker.close()


async def assert_all_counted_once(world: World) -> None:
    await eventually(lambda: len(world.effects) == world.emitted, within=120)
    assert set(world.effects.values()) == {1}
    assert world.producer.longest < MOST_SEND_S


async def test_every_error_of_a_produce_request(world: World) -> None:
    await world.inject_errors(PRODUCE, CODES[PRODUCE] * TIMES)
    await assert_all_counted_once(world)


async def test_every_error_of_an_offset_commit(world: World) -> None:
    await world.inject_errors(OFFSET_COMMIT, CODES[OFFSET_COMMIT] * TIMES)
    await assert_all_counted_once(world)


async def test_every_error_of_a_heartbeat(world: World) -> None:
    await world.inject_errors(HEARTBEAT, CODES[HEARTBEAT])
    await world.emit()
    await assert_all_counted_once(world)


@pytest.mark.parametrize(("world", "api"), [(JOIN_GROUP, JOIN_GROUP), (SYNC_GROUP, SYNC_GROUP)], indirect=["world"])
async def test_every_error_while_joining_a_group(world: World, api: int) -> None:
    for _ in range(20):
        await world.emit()
    await assert_all_counted_once(world)
    assert world.broker.request_count(api) > len(CODES[api])
