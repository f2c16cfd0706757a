"""Tests of the fault tests: a broken guarantee is reported as *lost* or *twice*, not as a timeout.

test_failpoints.py shows that intact services survive a kill at the same moments.
"""

import asyncio
from pathlib import Path

import pytest

from tests.faults.conftest import MakeFleet
from tests.support.fleet import Fleet, Instance
from tests.support.load import Load, posts
from tests.support.summary import verify_counts, wait_until_processed

_LAUNCHER = "tests.faults.broken"
_POSTS = 400
pytestmark = pytest.mark.timeout(1200)  # longer than our own deadlines, whose messages say more


@pytest.fixture(scope="module")
def fleet(make_fleet: MakeFleet) -> Fleet:
    fleet = make_fleet()
    fleet.start(("gatekeeper", "collector", "analyzer"))
    return fleet


async def _under_load(fleet: Fleet, service: str, fault: str, mark: Path) -> Load:
    """Run a load while an instance of `service` with this fault dies once and is restarted."""
    instance = await asyncio.to_thread(_break, fleet, service, fault, mark)
    load = Load(
        [fleet.first_instance("collector").url], fleet.keys["ingest_key"], posts(_POSTS, f"{service}-{fault}"), rate=200
    )
    async with asyncio.TaskGroup() as running:
        running.create_task(load.run())
        await asyncio.to_thread(_await_death, instance, mark)
        assert not load.done, "no post was in flight when the instance died"
        await asyncio.to_thread(instance.start)
    await wait_until_processed(fleet.dsn, fleet.kafka)
    return load


def _break(fleet: Fleet, service: str, fault: str, mark: Path) -> Instance:
    """Start one broken instance among intact ones."""
    broken = [instance for instance in fleet.instances if _LAUNCHER in instance.command]
    for other in [instance for instance in broken if instance.service != service]:
        fleet.replace(other)
    return fleet.replace(fleet.first_instance(service), _LAUNCHER, fault, RATCHET_TEST_DIED=str(mark))


def _await_death(instance: Instance, mark: Path) -> None:
    instance.await_end()
    assert mark.exists(), f"the instance did not die at the chosen moment; see {instance.log}"


async def test_events_are_counted_twice_without_the_inbox(fleet: Fleet, tmp_path: Path) -> None:
    verdict = await verify_counts(fleet.dsn, await _under_load(fleet, "analyzer", "no-inbox", tmp_path / "died"))
    assert verdict.twice
    assert not verdict.lost


async def test_events_are_lost_with_an_early_acknowledgement(fleet: Fleet, tmp_path: Path) -> None:
    verdict = await verify_counts(fleet.dsn, await _under_load(fleet, "analyzer", "ack-first", tmp_path / "died"))
    assert verdict.lost
    assert not verdict.twice


async def test_events_are_lost_without_the_outbox(fleet: Fleet, tmp_path: Path) -> None:
    verdict = await verify_counts(fleet.dsn, await _under_load(fleet, "collector", "no-outbox", tmp_path / "died"))
    assert verdict.lost
    assert not verdict.twice


async def test_events_are_lost_when_marked_before_the_acknowledgement(fleet: Fleet, tmp_path: Path) -> None:
    verdict = await verify_counts(fleet.dsn, await _under_load(fleet, "collector", "mark-first", tmp_path / "died"))
    assert verdict.lost
    assert not verdict.twice


async def test_with_answers_before_the_commit_it_loses(fleet: Fleet, tmp_path: Path) -> None:
    verdict = await verify_counts(fleet.dsn, await _under_load(fleet, "collector", "answer-first", tmp_path / "died"))
    assert verdict.lost
    assert not verdict.twice
