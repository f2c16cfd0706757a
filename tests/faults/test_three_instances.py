"""Three collectors and three analyzers on one load: each takes its share, nothing is lost and nothing counts twice."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.faults.conftest import MakeFleet
from tests.support.fleet import Fleet, Instance, start_all
from tests.support.load import Load, posts
from tests.support.soak import scaled
from tests.support.summary import verify_counts, wait_until_processed

_POSTS = scaled(900, 30_000)
_TARGETS = [f"target-{number}" for number in range(24)]
_EVENTS = "ratchet_events_total"

pytestmark = pytest.mark.timeout(scaled(600, 7200))


@pytest.fixture(scope="module")
def fleet(make_fleet: MakeFleet) -> Iterator[Fleet]:
    made = make_fleet()
    three = [made.add(service, str(number)) for service in ("collector", "analyzer") for number in (1, 2, 3)]
    made.start_added([made.add("gatekeeper"), *three])
    yield made
    made.stop()


def load_of(fleet: Fleet, prefix: str) -> Load:
    """Return posts to the three collectors in turn."""
    urls = [instance.url for instance in fleet.instances_of("collector")]
    return Load(urls, fleet.keys["ingest_key"], posts(_POSTS, prefix, _TARGETS), rate=150)


async def processed(instance: Instance) -> float:
    return await asyncio.to_thread(instance.metric, _EVENTS, consumer="analyzer.quality", outcome="processed")


async def test_three_of_each_share_the_work_and_count_each_item_once(fleet: Fleet) -> None:
    load = load_of(fleet, "three")
    await load.run()
    await wait_until_processed(fleet.dsn, fleet.kafka, within=120)
    shares = [await processed(instance) for instance in fleet.instances_of("analyzer")]
    print(f"\nevents of each analyzer: {shares}")
    assert min(shares) >= 0.05 * sum(shares), shares
    assert (await verify_counts(fleet.dsn, load)).clean


async def test_the_third_of_each_takes_over_from_two_that_die(fleet: Fleet) -> None:
    load = load_of(fleet, "one-left")
    dying = [instance for service in ("collector", "analyzer") for instance in fleet.instances_of(service)[:2]]
    async with asyncio.TaskGroup() as running:
        running.create_task(load.run())
        await load.wait_for_acknowledged(_POSTS // 4)
        for instance in dying:
            instance.kill()
    await wait_until_processed(fleet.dsn, fleet.kafka, within=120)
    assert (await verify_counts(fleet.dsn, load)).clean
    await asyncio.to_thread(start_all, dying)
