"""Every service, Kafka and PostgreSQL killed while posts flow: nothing acknowledged is lost, nothing counts twice."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ratchet_local.postgres import Postgres
from ratchet_local.routes import SERVICES
from tests.support.databases import Databases
from tests.support.eventually import eventually
from tests.support.fleet import Fleet
from tests.support.kafka import ApacheKafka
from tests.support.load import Load, posts
from tests.support.verdict import drained, held_up, judge, rows, untaken

_POSTS = 5000
_RATE = 80
_TARGETS = [f"bot-{number}" for number in range(8)]


@dataclass
class Scene:
    """What is killed, what flows meanwhile, and a note of each kill: how many posts were without an answer."""

    fleet: Fleet
    kafka: ApacheKafka
    postgres: Postgres
    load: Load
    landed: dict[str, int] = field(default_factory=dict)

    async def kill(self, what: str, kill: Callable[[], None]) -> None:
        """Kills it, and notes what was under way."""
        assert not self.load.done, f"no post was left when {what} was killed"
        await eventually(lambda: self.load.in_flight)
        self.landed[what] = len(self.load.in_flight)
        await asyncio.to_thread(kill)

    async def kill_at_work(self, service: str, table: str) -> None:
        """Kills the only instance of a service in the midst of a transaction, and starts it again."""
        instance = self.fleet.one(service)
        async with held_up(self.fleet.dsn, f"{service}.{table}"):
            await self.kill(service, instance.kill)
        await asyncio.to_thread(instance.start)

    async def progress(self, share: float) -> None:
        """Lets posts flow until this share of them is acknowledged."""
        await self.load.reaches(int(share * _POSTS), within=300)


@pytest.fixture
def scene(durable_postgres: Postgres, own_kafka: ApacheKafka, tmp_path: Path) -> Iterator[Scene]:
    fleet = Fleet(Databases(durable_postgres).migrated(*SERVICES), own_kafka.bootstrap, tmp_path)
    try:
        fleet.start()
        load = Load([fleet.one("collector").url], fleet.keys["ingest_key"], posts(_POSTS, "post", _TARGETS), _RATE)
        yield Scene(fleet, own_kafka, durable_postgres, load)
    finally:
        fleet.stop()


@pytest.mark.timeout(1200)  # 100 s on a quiet machine; its own deadlines come first and tell what is known
async def test_nothing_is_lost_and_nothing_counts_twice(scene: Scene) -> None:
    fleet, load = scene.fleet, scene.load
    async with asyncio.TaskGroup() as running:
        running.create_task(load.run(within=600))
        await _kill_everything(scene)
    await drained(fleet.dsn, fleet.kafka)
    print(f"\n{load}\nunanswered at each kill: {scene.landed}")
    verdict = await judge(fleet.dsn, load)
    assert (verdict.lost, verdict.twice, verdict.altered) == ((), (), ())
    assert await untaken(fleet.dsn) == 0
    assert await _observed(fleet.dsn) == {use["digest"] for post in load.work for use in post.body.get("prompts", ())}
    await _assert_that_faults_landed(scene)


async def _kill_everything(scene: Scene) -> None:
    await scene.progress(0.08)
    await scene.kill_at_work("collector", "receipts")
    await scene.progress(0.2)
    await scene.kill_at_work("proposer", "inbox")
    await scene.progress(0.32)
    await scene.kill_at_work("gatekeeper", "inbox")
    await scene.progress(0.44)
    await scene.kill_at_work("analyzer", "inbox")
    await scene.progress(0.56)
    await _kill_before_acknowledgement(scene)
    await scene.progress(0.72)
    await scene.kill("postgres", scene.postgres.kill)
    await asyncio.to_thread(scene.postgres.start)
    await scene.progress(0.86)
    await scene.kill("collector, between two transactions", scene.fleet.one("collector").kill)
    await asyncio.to_thread(scene.fleet.one("collector").start)


async def _kill_before_acknowledgement(scene: Scene) -> None:
    """Kafka dies during a transaction of the analyzer; the analyzer after it, with nobody to acknowledge it to."""
    analyzer, dsn = scene.fleet.one("analyzer"), scene.fleet.dsn
    before = await _taken(dsn)
    async with held_up(dsn, "analyzer.inbox"):
        await scene.kill("kafka", scene.kafka.kill)
    await eventually(lambda: _more_taken(dsn, before))
    await scene.kill("analyzer, after its commit", analyzer.kill)
    await asyncio.to_thread(scene.kafka.start)
    await asyncio.to_thread(analyzer.start)


async def _taken(dsn: str) -> int:
    return int((await rows(dsn, "SELECT count(*) FROM analyzer.inbox WHERE consumer = 'analyzer.quality'"))[0][0])


async def _more_taken(dsn: str, before: int) -> bool:
    return await _taken(dsn) > before


async def _observed(dsn: str) -> set[str]:
    return {row.digest for row in await rows(dsn, "SELECT digest FROM gatekeeper.observed")}


async def _assert_that_faults_landed(scene: Scene) -> None:
    assert all(scene.landed.values()), scene.landed
    assert scene.load.sent_again > 0, "no post was sent again"
    assert scene.load.failures["503"] > 0, "nobody noticed that PostgreSQL was away"
    analyzer = scene.fleet.one("analyzer")
    known = await asyncio.to_thread(
        analyzer.metric, "ratchet_events_total", consumer="analyzer.quality", outcome="known"
    )
    assert known > 0, "no message was delivered again"
