"""Services, Kafka and PostgreSQL are killed under load: no acknowledged event is lost or counted twice.

Rows D1, D4 and D6 of docs/reliability.md. Each kill is counted, with what it interrupted; a fault that never interrupts
anything fails the test.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ratchet_local.postgres import Postgres
from ratchet_local.routes import SERVICES
from tests.support.databases import Databases
from tests.support.eventually import eventually
from tests.support.fleet import Fleet, Instance
from tests.support.kafka import ApacheKafka
from tests.support.load import Load, posts
from tests.support.soak import scaled
from tests.support.summary import (
    count_unprocessed_events,
    measure_latency,
    query_rows,
    verify_counts,
    wait_until_processed,
)

_RATE = 100
_MAX_POSTS = scaled(30_000, 300_000)
_TARGETS = [f"bot-{number}" for number in range(8)]
_SERVICE_KILLS, _IN_TRANSACTION = scaled((16, 3), (150, 30))
_KAFKA_KILLS, _KAFKA_DOWN_S = scaled((1, 2.0), (10, 30.0))
_POSTGRES_KILLS = scaled(2, 20)
_CONNECTIONS_OF_A_SERVICE = 20


@dataclass
class Scene:
    """The system under test, its load, and how often each fault had an effect."""

    fleet: Fleet
    kafka: ApacheKafka
    postgres: Postgres
    load: Load
    hits: Counter[str] = field(default_factory=Counter)

    async def under_load(self) -> None:
        """Wait until a post is in flight, so that the fault hits it."""
        assert not self.load.done, "no post left"
        await eventually(lambda: self.load.in_flight)

    async def kill_service(self, instance: Instance, only_in_transaction: bool = False) -> None:
        """Kill the instance and restart it; record whether it was inside a transaction.

        It is paused first (SIGSTOP), so that its database sessions do not change before it dies. With
        `only_in_transaction`, an instance outside of one only continues.
        """
        await self.under_load()
        instance.pause()
        in_transaction = await _in_transaction(self.fleet.dsn, instance)
        if only_in_transaction and not in_transaction:
            instance.resume()
            return
        await asyncio.to_thread(instance.kill)
        self.hits["service killed"] += 1
        self.hits["service killed inside a transaction"] += in_transaction
        await asyncio.to_thread(instance.start)

    async def kill_kafka(self) -> None:
        """Kill Kafka, restart it after a while, and wait until the services send again."""
        await self.under_load()
        before = len(self.load.acknowledged)
        await asyncio.to_thread(self.kafka.kill)
        await self.load.wait_for_acknowledged(
            before + round(_KAFKA_DOWN_S * _RATE / 4), within=120
        )  # ingestion needs no Kafka
        await asyncio.to_thread(self.kafka.start)
        sent = await self._sent()
        await eventually(lambda: self._sends_again(sent))
        self.hits["Kafka killed"] += 1

    async def kill_postgres(self) -> None:
        """Kill PostgreSQL and restart it; the services must reconnect without leaking connections."""
        await self.under_load()
        refused = self.load.failures["503"]
        await asyncio.to_thread(self.postgres.kill)
        await eventually(lambda: self.load.failures["503"] > refused)
        await asyncio.to_thread(self.postgres.start)
        before = len(self.load.acknowledged)
        await self.load.wait_for_acknowledged(before + _RATE, within=120)
        self.hits["PostgreSQL killed"] += 1

    async def _sent(self) -> int:
        return int((await query_rows(self.fleet.dsn, _SENT))[0][0])

    async def _sends_again(self, before: int) -> bool:
        return await self._sent() > before


_SENT = "SELECT count(*) FROM collector.outbox_messages WHERE is_sent"


async def _in_transaction(dsn: str, instance: Instance) -> bool:
    found = await query_rows(
        dsn,
        "SELECT count(*) FROM pg_stat_activity WHERE xact_start IS NOT NULL AND application_name LIKE :name",
        name=f"ratchet-{instance.service}-{instance.name}%",
    )
    return bool(found[0][0])


@pytest.fixture
def scene(durable_postgres: Postgres, own_kafka: ApacheKafka, tmp_path: Path) -> Iterator[Scene]:
    fleet = Fleet(Databases(durable_postgres).migrated(*SERVICES), own_kafka.bootstrap, tmp_path)
    try:
        fleet.start()
        load = Load(
            [fleet.first_instance("collector").url],
            fleet.keys["ingest_key"],
            posts(_MAX_POSTS, "post", _TARGETS),
            _RATE,
        )
        yield Scene(fleet, own_kafka, durable_postgres, load)
    finally:
        fleet.stop()


@asynccontextmanager
async def _running(load: Load) -> AsyncIterator[None]:
    """Run the load during the block; then wait until the posts in flight are acknowledged."""
    async with asyncio.TaskGroup() as running:
        running.create_task(load.run(within=7000))
        yield
        load.stop()


@pytest.mark.timeout(scaled(1200, 7200))
async def test_kills_lose_no_event_and_count_none_twice(scene: Scene) -> None:
    fleet, load, hits = scene.fleet, scene.load, scene.hits
    rng = random.Random(7)
    async with _running(load):
        while hits["service killed"] < _SERVICE_KILLS:
            await scene.kill_service(rng.choice(fleet.instances))
        while hits["service killed inside a transaction"] < _IN_TRANSACTION:
            await scene.kill_service(rng.choice(fleet.instances), only_in_transaction=True)
        for _ in range(_KAFKA_KILLS):
            await scene.kill_kafka()
        for _ in range(_POSTGRES_KILLS):
            await scene.kill_postgres()
    await wait_until_processed(fleet.dsn, fleet.kafka, within=120)
    print(f"\n{load}\nhit: {dict(hits)}\ningest to visible: {await measure_latency(fleet.dsn)}")
    verdict = await verify_counts(fleet.dsn, load)
    assert (verdict.lost, verdict.twice, verdict.altered) == ((), (), ())
    assert await count_unprocessed_events(fleet.dsn) == 0
    observed = {row.digest for row in await query_rows(fleet.dsn, "SELECT digest FROM gatekeeper.observed")}
    assert observed == {
        use["digest"] for post in load.work if post.key in load.acknowledged for use in post.body.get("prompts", ())
    }
    assert load.retried > 0, "no post was retried"
    await eventually(lambda: _no_leaked_connections(fleet))


async def _no_leaked_connections(fleet: Fleet) -> bool:
    """Return whether no service holds connections outside its pool."""
    found = await query_rows(
        fleet.dsn,
        """SELECT application_name AS name, count(*) AS held FROM pg_stat_activity
           WHERE application_name LIKE 'ratchet-%' GROUP BY application_name""",
    )
    assert all(row.held <= _CONNECTIONS_OF_A_SERVICE for row in found), found
    return True
