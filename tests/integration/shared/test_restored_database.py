"""A database is restored from a backup while Kafka is ahead of it (row D20 of docs/reliability.md).

Producer and consumer share one database, as in all services: the backup resets both.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from confluent_kafka import OFFSET_END, TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.events.feedback import FeedbackCreated
from shared.messaging.bus import Bus
from shared.messaging.cloudevents import Received
from shared.messaging.producer import KafkaProducer
from shared.messaging.relay import Relay
from shared.messaging.republish import RepublishScope, republish
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Subscription, Tx
from shared.runtime.background import cancel_all
from shared.runtime.clock import SystemClock
from shared.runtime.prometheus_metrics import Metrics
from shared.runtime.roles import ensure_role
from shared.service.tables import add_consumed_positions
from tests.support.databases import Databases
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.kafka import ApacheKafka, admin_client_of
from tests.support.messaging import SCHEMA, ScratchSettings, envelope, feedback, scratch_engine

TOPIC = "feedback.created"
GROUP = f"{SCHEMA}.effects"
_TABLE = f"CREATE TABLE {SCHEMA}.effects (number float)"
_SUBSCRIBE = f"INSERT INTO {SCHEMA}.subscriptions (consumer, topic) VALUES ('{GROUP}', '{TOPIC}')"


class World:
    """A relay, and a consumer that writes a row per event."""

    def __init__(self, dsn: str, bootstrap: str, databases: Databases, admin: AdminClient) -> None:
        self.dsn = dsn
        self.admin = admin
        self._databases = databases
        self._bootstrap = bootstrap
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._numbers = 0

    async def open(self) -> None:
        self.engine = await scratch_engine(self.dsn)
        async with self.engine.begin() as conn:
            await conn.execute(text(_TABLE))
            await conn.execute(text(_SUBSCRIBE))
        self.store = SqlStore(self.engine, SCHEMA)

    def start(self, *names: str) -> None:
        """`relay`, `consumer`."""
        settings = ScratchSettings(
            database_url="postgresql://unused", kafka_bootstrap=self._bootstrap, instance="one"
        )  # fmt: skip
        if "relay" in names:
            relay = Relay(self.store, KafkaProducer(settings), "one", self.store.shards, Metrics(SCHEMA))
            self.store.on_emit = relay.wake
            self._tasks["relay"] = asyncio.create_task(relay.run())
        if "consumer" in names:
            self.metrics = Metrics(SCHEMA)
            subscription = Subscription("effects", (FeedbackCreated,), self._handle)
            self.bus = Bus(settings, [subscription], [], self.store, SystemClock(), self.metrics)
            self._tasks["consumer"] = asyncio.create_task(self.bus.run())

    async def stop(self) -> None:
        await cancel_all(list(self._tasks.values()))
        self._tasks = {}
        await self.engine.dispose()

    async def _handle(self, tx: Tx, events: Sequence[Received[Any]]) -> None:
        rows = [{"number": received.event.value} for received in events]
        await tx.conn.execute(text(f"INSERT INTO {SCHEMA}.effects (number) VALUES (:number)"), rows)

    async def emit(self, count: int) -> set[float]:
        numbers = [float(number) for number in range(self._numbers, self._numbers + count)]
        self._numbers += count
        async with self.store.begin() as tx:
            await tx.emit(*[envelope(feedback(target=f"bot-{number}", value=number)) for number in numbers])
        return set(numbers)

    async def back_up(self) -> str:
        return await asyncio.to_thread(self._databases.back_up, self.dsn)

    async def restore(self, backup: str) -> None:
        await asyncio.to_thread(self._databases.restore, self.dsn, backup)
        await asyncio.to_thread(self._databases.drop, backup)
        await eventually(self._connects)

    async def _connects(self) -> bool:
        """Return whether no session from before the restore is left in the pool."""
        try:
            async with self.engine.connect() as conn:
                return bool(await conn.scalar(text("SELECT true")))
        except DBAPIError:
            return False

    async def effects(self) -> Counter[float]:
        async with self.engine.connect() as conn:
            return Counter(await conn.scalars(text(f"SELECT number FROM {SCHEMA}.effects")))

    async def has_effects(self, wanted: set[float]) -> bool:
        """Return whether exactly the `wanted` events had their effect, each once."""
        found = await self.effects()
        assert max(found.values(), default=1) == 1, f"twice: {found.most_common(3)}"
        assert found.keys() <= wanted
        return found.keys() == wanted

    async def sent(self) -> bool:
        async with self.engine.connect() as conn:
            return not await conn.scalar(text(f"SELECT count(*) FROM {SCHEMA}.outbox WHERE sent_at IS NULL"))

    async def gaps(self) -> dict[str, float]:
        """Return the sums of all gaps, as stored and as counted by the metrics."""
        async with self.engine.connect() as conn:
            kept = await conn.execute(
                text(f"""SELECT coalesce(sum(gap_next - gap_first - gap_lost), 0) AS replayed,
                                coalesce(sum(gap_lost), 0) AS lost FROM {SCHEMA}.consumed_positions""")
            )
        found = {name: float(value) for name, value in kept.mappings().one().items()}
        for outcome, count in found.items():
            assert self.metrics.gaps.labels(GROUP, TOPIC, outcome)._value.get() == count
        return found

    async def gaps_are(self, **wanted: float) -> bool:
        return await self.gaps() == wanted

    def delete_all(self) -> int:
        """Delete the topic's messages, as retention does. Return how many partitions had messages."""
        wanted = [TopicPartition(TOPIC, number, OFFSET_END) for number in range(12)]
        answers = self.admin.delete_records(wanted, request_timeout=PATIENCE_S)
        return sum(answer.result().low_watermark > 0 for answer in answers.values())


@pytest.fixture
async def world(
    databases: Databases, postgres_dsn: str, kafka_server: ApacheKafka, kafka_bootstrap: str
) -> AsyncIterator[World]:
    world = World(postgres_dsn, kafka_bootstrap, databases, admin_client_of(kafka_server))
    await world.open()
    yield world
    await world.stop()


@pytest.mark.parametrize("running", [False, True], ids=["stopped", "running"])
async def test_lost_events_are_replayed_and_the_gap_is_reported(world: World, running: bool) -> None:
    """This includes events not sent before the restore, and those sent by the discarded timeline: ids are
    deduplicated.
    """
    world.start("relay", "consumer")
    wanted = await world.emit(60)
    await eventually(lambda: world.has_effects(wanted))
    await world.stop()
    wanted |= await world.emit(20)  # unsent at the time of the backup, so it is in the restored outbox
    await world.engine.dispose()
    backup = await world.back_up()

    world.start("relay", "consumer")
    await eventually(lambda: world.has_effects(wanted))
    wanted |= await world.emit(40)
    await eventually(lambda: world.has_effects(wanted))
    assert await world.gaps() == {"replayed": 0, "lost": 0}
    if running:
        await world.restore(backup)
        wanted |= await world.emit(1)  # the consumer detects the gap at the next message
    else:
        await world.stop()
        await world.restore(backup)
        world.start("consumer")  # the watchdog detects the gap; then the relay sends what was unsent in the backup
        await eventually(lambda: world.gaps_are(replayed=60, lost=0))
        world.start("relay")
    await eventually(lambda: world.has_effects(wanted))
    await eventually(world.sent)
    wanted |= await world.emit(30)
    await eventually(lambda: world.has_effects(wanted))
    assert await world.gaps_are(replayed=60, lost=0)
    await eventually(lambda: not world.bus.problems)


async def test_events_deleted_by_kafka_are_reported_as_lost_and_can_be_republished(world: World) -> None:
    world.start("relay", "consumer")
    early = await world.emit(30)
    await eventually(lambda: world.has_effects(early))
    await world.stop()
    world.start("relay")
    late = await world.emit(40)
    await eventually(world.sent)
    assert await asyncio.to_thread(world.delete_all)
    world.start("consumer")
    await eventually(lambda: world.gaps_are(replayed=0, lost=40))
    assert world.bus.problems == [
        f"{GROUP} has lost 40 events of {TOPIC} that Kafka has deleted: republish them"
    ]  # fmt: skip
    assert await world.has_effects(early)
    assert await republish(world.engine, SCHEMA, RepublishScope(lacking=True)) == 40
    await eventually(lambda: world.has_effects(early | late))


async def test_consumers_without_positions_start_at_kafkas_offsets(postgres_dsn: str) -> None:
    """Their positions are unknown at first: an upgrade is not a gap."""
    engine = await scratch_engine(postgres_dsn)
    async with engine.begin() as conn:
        await conn.execute(text(_SUBSCRIBE))
        await conn.execute(text(f"DROP TABLE {SCHEMA}.consumed_positions"))
        await conn.run_sync(ensure_role, SCHEMA)
        for statement in add_consumed_positions(SCHEMA):
            await conn.execute(text(statement))
    store = SqlStore(engine, SCHEMA)
    async with store.begin() as tx:
        assert await tx.record_positions(GROUP, {(TOPIC, 3): 7}) == {(TOPIC, 3): None}
        assert await tx.positions(GROUP) == {(TOPIC, number): 7 if number == 3 else None for number in range(12)}
    await engine.dispose()
