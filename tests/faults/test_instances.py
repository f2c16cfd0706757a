"""Two instances of each service: they share the work, one takes over from the other, and a paused one is harmless."""

import asyncio
from collections.abc import Sequence

import pytest
from confluent_kafka.admin import AdminClient

from deploy.kafka.topics import admin_client
from ratchet.submission import feedback_message
from ratchet_local.routes import SERVICES
from shared.events.feedback import FeedbackSubmitted
from shared.messaging.cloudevents import encode
from shared.messaging.producer import KafkaProducer
from shared.messaging.send_result import SendResult
from tests.faults.conftest import MakeFleet
from tests.support.eventually import eventually
from tests.support.fleet import Fleet, Instance, start_all
from tests.support.load import Load, Post, posts
from tests.support.messaging import ScratchSettings, envelope
from tests.support.summary import (
    block_transactions,
    count_unprocessed_events,
    query_rows,
    verify_counts,
    wait_until_processed,
)

_TARGETS = [f"target-{number}" for number in range(8)]
_CONSUMERS = {
    "collector": "collector.submitted",
    "analyzer": "analyzer.quality",
    "proposer": "proposer.feedback",
    "gatekeeper": "gatekeeper.observed",
}
"""The busiest consumer of each service that the load of these tests reaches."""


pytestmark = pytest.mark.timeout(1200)  # longer than our own deadlines, whose messages say more


@pytest.fixture(scope="module")
def both(make_fleet: MakeFleet) -> Fleet:
    fleet = make_fleet()
    fleet.start(count=2)
    return fleet


@pytest.fixture
async def fleet(both: Fleet) -> Fleet:
    """Two instances of each service, once all are members of their consumer groups."""
    admin = admin_client({"RATCHET_KAFKA_BOOTSTRAP": both.kafka})
    await eventually(lambda: all(_members(admin, group) == 2 for group in _CONSUMERS.values()))
    return both


def make_load(fleet: Fleet, prefix: str, count: int, rate: float = 150) -> Load:
    """Return a load for both collectors, with eight targets."""
    urls = [instance.url for instance in fleet.instances_of("collector")]
    return Load(urls, fleet.keys["ingest_key"], posts(count, prefix, _TARGETS), rate)


async def test_two_instances_share_work_and_one_takes_over_when_the_other_dies(fleet: Fleet) -> None:
    load = make_load(fleet, "shared", 800)
    load.work, submitted = (
        [post for post in load.work if not _is_direct(post)],
        [post for post in load.work if _is_direct(post)],
    )
    await asyncio.gather(load.run(), _submit(fleet, submitted))
    load.work = [*load.work, *submitted]
    load.acknowledged |= dict.fromkeys((post.key for post in submitted), "submitted")
    await wait_until_processed(fleet.dsn, fleet.kafka)
    shares = {service: await _smaller_share(fleet, service) for service in _CONSUMERS}
    print(f"\nthe smaller share of two instances: {shares}")
    assert min(shares.values()) >= 0.2, shares
    assert (await verify_counts(fleet.dsn, load)).clean

    dying = [fleet.instances_of(service)[1] for service in SERVICES]
    load = make_load(fleet, "taken-over", 400)
    async with asyncio.TaskGroup() as running:
        running.create_task(load.run())
        await load.wait_for_acknowledged(100)
        for instance in dying:
            instance.kill()
    await wait_until_processed(fleet.dsn, fleet.kafka)
    assert (await verify_counts(fleet.dsn, load)).clean
    assert await count_unprocessed_events(fleet.dsn) == 0
    await asyncio.to_thread(start_all, dying)


def _is_direct(post: Post) -> bool:
    """Return whether to send the post to Kafka directly, as an app may: feedback is, executions are posted."""
    return post.path == "/v1/feedback"


async def _submit(fleet: Fleet, work: Sequence[Post]) -> None:
    producer = KafkaProducer(ScratchSettings(database_url="postgresql://unused", kafka_bootstrap=fleet.kafka))
    key = fleet.keys["ingest_key"]
    submissions = [feedback_message(key, post.body, idempotency_key=post.key) for post in work]
    events = [FeedbackSubmitted.model_validate_json(message.value) for message in submissions]
    messages = [encode(envelope(event)) for event in events]

    async def sent() -> bool:  # retried, as by an app; messages have idempotency keys
        return set(await producer.send(messages)) == {SendResult.SENT}

    await eventually(sent)
    await producer.close()


async def _smaller_share(fleet: Fleet, service: str) -> float:
    """Return the smaller of two instances' shares of processed events."""
    labels = {"consumer": _CONSUMERS[service], "outcome": "processed"}
    processed = [
        await asyncio.to_thread(instance.metric, "ratchet_events_total", **labels)
        for instance in fleet.instances_of(service)
    ]
    return min(processed) / sum(processed)


async def test_instance_paused_beyond_lease_and_session_is_harmless(fleet: Fleet) -> None:
    owner, tokens = await _relay_owner(fleet)
    paused = [owner, fleet.first_instance("analyzer")]
    load = make_load(fleet, "slept", 1200, rate=60)
    async with asyncio.TaskGroup() as running:
        running.create_task(load.run())
        await load.wait_for_acknowledged(100)
        async with block_transactions(fleet.dsn, "analyzer.inbox"):
            for instance in paused:
                instance.pause()
        await eventually(lambda: _lease_passed(fleet, tokens))
        admin = admin_client({"RATCHET_KAFKA_BOOTSTRAP": fleet.kafka})
        await eventually(lambda: _members(admin, "analyzer.quality") == 1)
        assert not load.done, "no post was in flight when the instances resumed"
        for instance in paused:
            instance.resume()
    await wait_until_processed(fleet.dsn, fleet.kafka, within=180)
    verdict = await verify_counts(fleet.dsn, load)
    assert (verdict.lost, verdict.twice, verdict.altered) == ((), (), ())


async def _relay_owner(fleet: Fleet) -> tuple[Instance, dict[int, int]]:
    """Return the collector whose relay owns the outbox, and the lease token of each shard."""
    leases = await query_rows(fleet.dsn, "SELECT shard, owner, token FROM collector.relay_lease")
    name = leases[0].owner.removeprefix("collector-")
    owner = next(instance for instance in fleet.instances_of("collector") if instance.name == name)
    return owner, {lease.shard: lease.token for lease in leases if lease.owner == leases[0].owner}


async def _lease_passed(fleet: Fleet, former: dict[int, int]) -> bool:
    leases = await query_rows(fleet.dsn, "SELECT shard, token FROM collector.relay_lease")
    return all(lease.token > former[lease.shard] for lease in leases if lease.shard in former)


def _members(admin: AdminClient, group: str) -> int:
    return len(admin.describe_consumer_groups([group])[group].result().members)
