"""The bus and the relay with real brokers and a real database."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ratchet_local.bounded_flow import BoundedFlow
from shared.events.feedback import FeedbackCreated, PromptObserved
from shared.events.message import OutgoingMessage
from shared.events.promotion import LoopHalted
from shared.messaging.bus import Bus
from shared.messaging.cloudevents import Received, encode
from shared.messaging.consumer import ConsumerLag
from shared.messaging.flow_control import Flow, NoFlow
from shared.messaging.producer import KafkaProducer
from shared.messaging.relay import Relay
from shared.messaging.send_result import SendResult
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Broadcast, Subscription, Tx
from shared.runtime.background import cancel_all
from shared.runtime.clock import SystemClock
from shared.runtime.prometheus_metrics import Metrics
from tests.support.eventually import eventually
from tests.support.messaging import SCHEMA, ScratchSettings, envelope, feedback, scratch_engine


@dataclass
class World:
    """One emitting service, and any number of consuming instances."""

    bootstrap: str
    embedded: bool
    engine: AsyncEngine
    effects: Counter[float] = field(default_factory=Counter)
    by_instance: Counter[str] = field(default_factory=Counter)
    broadcast: list[str] = field(default_factory=list)
    poison: float | None = None
    unavailable: bool = False
    emitted: int = 0
    flow: Flow = field(init=False)
    _tasks: dict[str, "asyncio.Task[None]"] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """As in the local runner: consumers sleep until the relay of the same process wakes them."""
        self.flow = BoundedFlow(lambda _: None) if self.embedded else NoFlow()

    def settings(self, instance: str) -> ScratchSettings:
        return ScratchSettings(
            database_url="postgresql://unused", kafka_bootstrap=self.bootstrap, instance=instance,
            embedded_bus=self.embedded,
        )  # fmt: skip

    def emitter(self) -> SqlStore:
        store = SqlStore(self.engine, SCHEMA)
        settings = self.settings("emitter")
        relay = Relay(store, KafkaProducer(settings, self.flow), "emitter", store.shards, Metrics("scratch"))
        store.on_emit = relay.wake
        self._tasks["relay"] = asyncio.create_task(relay.run())
        return store

    def start(self, instance: str, from_apps: bool = False) -> Bus:
        async def handle(tx: Tx, events: Sequence[Received[Any]]) -> None:
            await tx.conn.execute(text("SELECT 1"))
            if self.unavailable:
                raise ConnectionError
            for received in events:
                if received.event.value == self.poison:
                    raise ValueError("poison")
            self.effects.update(received.event.value for received in events)
            self.by_instance[instance] += len(events)

        async def see(events: Sequence[Received[Any]]) -> None:
            self.broadcast += [f"{instance}:{received.event.by}" for received in events]

        bus = Bus(
            self.settings(instance),
            [Subscription("effects", (FeedbackCreated, PromptObserved), handle, from_apps=from_apps)],
            [Broadcast("halts", (LoopHalted,), see)],
            SqlStore(self.engine, SCHEMA),
            SystemClock(),
            Metrics("scratch"),
            self.flow,
        )
        self._tasks[instance] = asyncio.create_task(bus.run())
        return bus

    async def end(self, name: str) -> None:
        await cancel_all([self._tasks.pop(name)])

    async def close(self) -> None:
        for name in list(self._tasks):
            await self.end(name)
        await self.engine.dispose()


@pytest.fixture(params=["embedded", "kafka"])
async def world(request: pytest.FixtureRequest, postgres_dsn: str) -> AsyncIterator[World]:
    embedded = request.param == "embedded"
    bootstrap = request.getfixturevalue("embedded_kafka" if embedded else "kafka_bootstrap")
    world = World(bootstrap, embedded, await scratch_engine(postgres_dsn))
    yield world
    await world.close()


async def emit(store: SqlStore, values: Sequence[float]) -> None:
    async with store.begin() as tx:
        await tx.emit(*[envelope(feedback(target=f"bot-{value}", value=value)) for value in values])


async def emit_more(world: World, store: SqlStore, count: int) -> None:
    start, world.emitted = world.emitted, world.emitted + count
    await emit(store, range(start, start + count))


async def test_emitted_event_has_its_effect_once(world: World) -> None:
    store = world.emitter()
    bus = world.start("1")
    await emit(store, range(100))
    await eventually(lambda: len(world.effects) == 100)
    await eventually(lambda: bus.connected)
    assert set(world.effects.values()) == {1}
    assert bus.problems == []


async def test_poison_becomes_a_dead_letter_and_others_are_processed(world: World) -> None:
    world.poison = 13.0
    store = world.emitter()
    world.start("1")
    await emit(store, range(30))
    await _produce(world, OutgoingMessage("feedback.created", "k", b"garbage", (("ce_id", "\N{SNOWMAN}"),)))
    await eventually(lambda: len(world.effects) == 29)

    async def parked() -> list[str]:
        async with world.engine.connect() as conn:
            rows = await conn.execute(text(f"SELECT DISTINCT reason FROM {SCHEMA}.dead_letters ORDER BY reason"))
            return [row[0] for row in rows]

    await eventually(lambda: _equals(parked, ["exhausted", "malformed"]))


@pytest.mark.parametrize("world", ["embedded"], indirect=True)
async def test_message_that_an_app_sends_to_the_embedded_broker_is_soon_found(world: World) -> None:
    bus = world.start("1", from_apps=True)
    await eventually(lambda: bus.lag("scratch.effects", "feedback.created") == ConsumerLag(0, None))
    for value in (1, 2):
        await _produce(world, encode(envelope(feedback(value=value))))
        await eventually(lambda: sum(world.effects.values()) == value, within=25)  # noqa: B023


async def _produce(world: World, message: OutgoingMessage) -> None:
    """Send a message as another process does, again while a broker that has just started has no leader for it."""
    producer = KafkaProducer(world.settings("stranger"))

    async def sent() -> bool:
        return await producer.send([message]) == [SendResult.SENT]

    try:
        await eventually(sent)
    finally:
        await producer.close()


async def _equals(what: Any, expected: object) -> bool:
    return bool(await what() == expected)


async def test_broadcast_reaches_every_instance(world: World) -> None:
    store = world.emitter()
    buses = [world.start("1"), *([] if world.embedded else [world.start("2")])]
    await eventually(lambda: all(bus.connected for bus in buses))
    halted = LoopHalted(project="acme", environment="*", revision=1, by="ann", reason="x")
    wanted = {f"{number + 1}:ann" for number in range(len(buses))}

    async def seen() -> bool:
        # Consumers without a group start at the end, whenever they join: repeat the event until all have received it.
        async with store.begin() as tx:
            await tx.emit(envelope(halted))
        return wanted <= set(world.broadcast)

    await eventually(seen)


async def test_watchdog_reports_lag_and_its_age(world: World) -> None:
    """While the database is unavailable, the messages being processed count as waiting and their time is known."""
    before = time.time()
    store = world.emitter()
    world.unavailable = True
    bus = world.start("1")
    await emit(store, range(30))

    def behind() -> ConsumerLag | None:
        found = bus.lag("scratch.effects", "feedback.created")
        return found if found is not None and found.lag == 30 else None

    stuck = await eventually(behind)
    world.unavailable = False
    assert stuck is not None
    assert stuck.oldest is not None
    assert before - 1 < stuck.oldest <= time.time()
    await eventually(lambda: bus.lag("scratch.effects", "feedback.created") == ConsumerLag(0, None))
    assert len(world.effects) == 30


@pytest.mark.parametrize("world", ["kafka"], indirect=True)  # the embedded broker supports one member per group
async def test_ended_consumer_is_replaced(world: World) -> None:
    store = world.emitter()
    world.start("1")
    world.start("2")
    await eventually(lambda: _both(world, store))
    await world.end("1")
    await emit_more(world, store, 100)
    await eventually(lambda: world.emitted == len(world.effects))
    assert set(world.effects.values()) == {1}


async def _both(world: World, store: SqlStore) -> bool:
    await emit_more(world, store, 20)
    return world.by_instance["1"] > 20 and world.by_instance["2"] > 20
