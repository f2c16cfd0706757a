"""Consumers are scaled from one to four and back under load (row D11 of docs/reliability.md)."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.events.feedback import FeedbackCreated
from shared.messaging.bus import Bus
from shared.messaging.cloudevents import Received
from shared.messaging.producer import KafkaProducer
from shared.messaging.relay import Relay
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Subscription, Tx
from shared.runtime.background import cancel_all
from shared.runtime.clock import SystemClock
from shared.runtime.prometheus_metrics import Metrics
from tests.support.eventually import eventually
from tests.support.messaging import SCHEMA, ScratchSettings, envelope, feedback, scratch_engine
from tests.support.soak import scaled

_KEYS, _EVENTS, _CYCLES = scaled((50, 20, 2), (1000, 100, 20))
_TABLE = f"CREATE TABLE {SCHEMA}.effects (id bigserial PRIMARY KEY, key text, number integer, instance text)"
_INSERT = f"INSERT INTO {SCHEMA}.effects (key, number, instance) VALUES (:key, :number, :instance)"


class Group:
    """A relay, and consumers of one group that insert each event into a table in commit order."""

    def __init__(self, bootstrap: str, engine: AsyncEngine) -> None:
        self.engine = engine
        self.store = SqlStore(engine, SCHEMA)
        self._bootstrap = bootstrap
        self._consumers: list[asyncio.Task[None]] = []
        relay = Relay(self.store, KafkaProducer(self._settings("relay")), "relay", 4, Metrics(SCHEMA))
        self.store.on_emit = relay.wake
        self._relay = asyncio.create_task(relay.run())

    async def scale(self, count: int) -> None:
        """Start or stop consumers until `count` run."""
        while len(self._consumers) < count:
            self._consumers.append(asyncio.create_task(self._bus(str(len(self._consumers))).run()))
        while len(self._consumers) > count:
            await cancel_all([self._consumers.pop()])

    async def close(self) -> None:
        await self.scale(0)
        await cancel_all([self._relay])
        await self.engine.dispose()

    def _settings(self, instance: str) -> ScratchSettings:
        return ScratchSettings(database_url="postgresql://unused", kafka_bootstrap=self._bootstrap, instance=instance)

    def _bus(self, instance: str) -> Bus:
        async def handle(tx: Tx, events: Sequence[Received[Any]]) -> None:
            rows = [
                {"key": received.event.target, "number": int(received.event.value), "instance": instance}
                for received in events
            ]
            await tx.conn.execute(text(_INSERT), rows)

        subscription = Subscription("ordered", (FeedbackCreated,), handle)
        store = SqlStore(self.engine, SCHEMA)
        return Bus(self._settings(instance), [subscription], [], store, SystemClock(), Metrics(SCHEMA))


@pytest.fixture
async def group(kafka_bootstrap: str, postgres_dsn: str) -> AsyncIterator[Group]:
    engine = await scratch_engine(postgres_dsn)
    async with engine.begin() as conn:
        await conn.execute(text(_TABLE))
    group = Group(kafka_bootstrap, engine)
    yield group
    await group.close()


async def _effects(group: Group) -> list[tuple[str, int, str]]:
    async with group.engine.connect() as conn:
        found = await conn.execute(text(f"SELECT key, number, instance FROM {SCHEMA}.effects ORDER BY id"))
        return [(row.key, row.number, row.instance) for row in found]


async def _count(group: Group) -> int:
    async with group.engine.connect() as conn:
        return int((await conn.execute(text(f"SELECT count(*) FROM {SCHEMA}.effects"))).scalar_one())


@pytest.mark.timeout(scaled(600, 3600))
async def test_scaling_keeps_the_order_of_keys_and_processes_events_once(group: Group) -> None:
    per_step = _EVENTS // (2 * _CYCLES)
    emitted = 0

    async def emit_round() -> None:
        nonlocal emitted
        async with group.store.begin() as tx:
            await tx.emit(*[envelope(feedback(target=f"key-{key}", value=emitted)) for key in range(_KEYS)])
        emitted += 1

    async def all_processed() -> bool:
        return await _count(group) >= emitted * _KEYS

    async def is_distributed() -> bool:
        """Emit one more round, until more than one consumer has processed some of it."""
        await emit_round()
        return len({instance for *_, instance in await _effects(group)}) > 1

    for consumers in (4, 1) * _CYCLES:
        await group.scale(1)
        for _ in range(per_step):
            await emit_round()
        await group.scale(consumers)
        if consumers > 1:
            await eventually(is_distributed, 120)
        await eventually(all_processed, 120)
    effects = await _effects(group)
    order = defaultdict(list)
    for key, number, _ in effects:
        order[key].append(number)
    consumers_at_work = len({instance for *_, instance in effects})
    print(f"\n{len(effects)} events taken by {consumers_at_work} consumers")
    assert consumers_at_work > 1
    assert all(taken == list(range(emitted)) for taken in order.values())
    assert len(order) == _KEYS
