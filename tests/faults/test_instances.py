"""Two instances of each service: they share the work, one takes over from the other, and a sleeper does no harm."""

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
"""What each service has most to do with here."""


pytestmark = pytest.mark.timeout(1200)  # deadlines of our own come first, and tell what is known


@pytest.fixture(scope="module")
def both(make_fleet: MakeFleet) -> Fleet:
    fleet = make_fleet()
    fleet.start(count=2)
    return fleet


@pytest.fixture
async def fleet(both: Fleet) -> Fleet:
    """Two instances of each service, which share every consumer group by now."""
    admin = admin_client({"RATCHET_KAFKA_BOOTSTRAP": both.kafka})
    await eventually(lambda: all(_members(admin, group) == 2 for group in _CONSUMERS.values()))
    return both


def load_of(fleet: Fleet, prefix: str, count: int, rate: float = 150) -> Load:
    """Posts to both collectors, about eight targets."""
    urls = [instance.url for instance in fleet.instances_of("collector")]
    return Load(urls, fleet.keys["ingest_key"], posts(count, prefix, _TARGETS), rate)


async def test_two_instances_share_the_work_and_one_takes_all_when_the_other_dies(fleet: Fleet) -> None:
    load = load_of(fleet, "shared", 800)
    load.work, submitted = [post for post in load.work if not _raw(post)], [post for post in load.work if _raw(post)]
    await asyncio.gather(load.run(), _submit(fleet, submitted))
    load.work = [*load.work, *submitted]
    load.acknowledged |= dict.fromkeys((post.key for post in submitted), "submitted")
    await wait_until_processed(fleet.dsn, fleet.kafka)
    shares = {service: await _share(fleet, service) for service in SERVICES}
    print(f"\nthe smaller share of two instances: {shares}")
    assert min(shares.values()) >= 0.2, shares
    assert (await verify_counts(fleet.dsn, load)).clean

    dying = [fleet.instances_of(service)[1] for service in SERVICES]
    load = load_of(fleet, "taken-over", 400)
    async with asyncio.TaskGroup() as running:
        running.create_task(load.run())
        await load.wait_for_acknowledged(100)
        for instance in dying:
            instance.kill()
    await wait_until_processed(fleet.dsn, fleet.kafka)
    assert (await verify_counts(fleet.dsn, load)).clean
    assert await count_unprocessed_events(fleet.dsn) == 0
    await asyncio.to_thread(start_all, dying)


def _raw(post: Post) -> bool:
    """Feedback goes to Kafka, as an app may send it; executions are posted."""
    return post.path == "/v1/feedback"


async def _submit(fleet: Fleet, work: Sequence[Post]) -> None:
    producer = KafkaProducer(ScratchSettings(database_url="postgresql://unused", kafka_bootstrap=fleet.kafka))
    key = fleet.keys["ingest_key"]
    made = [feedback_message(key, post.body, idempotency_key=post.key) for post in work]
    raw = [FeedbackSubmitted.model_validate_json(message.value) for message in made]
    messages = [encode(envelope(event)) for event in raw]

    async def sent() -> bool:  # again if need be, as an app would: each message is known by its id
        return set(await producer.send(messages)) == {SendResult.SENT}

    await eventually(sent)
    await producer.close()


async def _share(fleet: Fleet, service: str) -> float:
    """The smaller share of the events that two instances took."""
    taken = [
        await asyncio.to_thread(instance.metric, "ratchet_events_total", consumer=_CONSUMERS[service], outcome="taken")
        for instance in fleet.instances_of(service)
    ]
    return min(taken) / sum(taken)


async def test_an_instance_that_sleeps_past_its_lease_and_session_does_no_harm(fleet: Fleet) -> None:
    owner, tokens = await _relay_owner(fleet)
    sleepers = [owner, fleet.first_instance("analyzer")]
    load = load_of(fleet, "slept", 1200, rate=60)
    async with asyncio.TaskGroup() as running:
        running.create_task(load.run())
        await load.wait_for_acknowledged(100)
        async with block_transactions(fleet.dsn, "analyzer.inbox"):
            for instance in sleepers:
                instance.pause()
        await eventually(lambda: _lease_passed(fleet, tokens))
        admin = admin_client({"RATCHET_KAFKA_BOOTSTRAP": fleet.kafka})
        await eventually(lambda: _members(admin, "analyzer.quality") == 1)
        assert not load.done, "no post was under way when they woke up"
        for instance in sleepers:
            instance.resume()
    await wait_until_processed(fleet.dsn, fleet.kafka, within=180)
    verdict = await verify_counts(fleet.dsn, load)
    assert (verdict.lost, verdict.twice, verdict.altered) == ((), (), ())


async def _relay_owner(fleet: Fleet) -> tuple[Instance, dict[int, int]]:
    """The collector that carries the outbox to Kafka, and the token of each shard."""
    leases = await query_rows(fleet.dsn, "SELECT shard, owner, token FROM collector.relay_lease")
    name = leases[0].owner.removeprefix("collector-")
    owner = next(instance for instance in fleet.instances_of("collector") if instance.name == name)
    return owner, {lease.shard: lease.token for lease in leases if lease.owner == leases[0].owner}


async def _lease_passed(fleet: Fleet, former: dict[int, int]) -> bool:
    leases = await query_rows(fleet.dsn, "SELECT shard, token FROM collector.relay_lease")
    return all(lease.token > former[lease.shard] for lease in leases if lease.shard in former)


def _members(admin: AdminClient, group: str) -> int:
    return len(admin.describe_consumer_groups([group])[group].result().members)
