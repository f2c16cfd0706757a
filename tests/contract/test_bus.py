"""The contract of a bus: one suite for the fake, the embedded broker and Apache Kafka."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

import pytest

from shared.events.message import OutgoingMessage
from shared.messaging.cloudevents import Record
from shared.messaging.send_result import SendResult
from shared.testing.bus import FakeBus
from tests.support.buses import AnyBus, KafkaBus, after, read
from tests.support.eventually import eventually

TOPIC = "feedback.created"
KEYS = tuple(f"acme/bot-{number}" for number in range(40))
KAFKA = pytest.param("kafka_bootstrap", marks=pytest.mark.kafka)


@pytest.fixture(params=["fake", "embedded_kafka", KAFKA])
async def bus(request: pytest.FixtureRequest) -> AsyncIterator[AnyBus]:
    bus: AnyBus = FakeBus() if request.param == "fake" else KafkaBus(request.getfixturevalue(request.param))
    yield bus
    await bus.close()


several_members = pytest.mark.parametrize("bus", ["fake", KAFKA], indirect=True)
"""The embedded broker supports one member per group."""


def messages(each: int = 1, first: int = 0, keys: Sequence[str] = KEYS) -> list[OutgoingMessage]:
    """Return `each` numbered messages of every key, alternating between the keys."""
    numbers = range(first, first + each)
    return [OutgoingMessage(TOPIC, key, f"{key} {n}".encode(), (("ce_id", str(n)),)) for n in numbers for key in keys]


async def send(bus: AnyBus, sent: Sequence[OutgoingMessage]) -> None:
    """Retry rejected messages, as the relay does: a new topic briefly has no leader."""
    unsent = list(sent)

    async def all_sent() -> bool:
        nonlocal unsent
        results = await bus.send(unsent)
        unsent = [message for message, it in zip(unsent, results, strict=True) if it is not SendResult.SENT]
        return not unsent

    await eventually(all_sent)


def texts(records: Sequence[Record]) -> list[bytes]:
    return sorted(record.value or b"" for record in records)


def values(sent: Sequence[OutgoingMessage]) -> list[bytes]:
    return sorted(message.value for message in sent)


async def test_message_arrives_unchanged(bus: AnyBus) -> None:
    await send(bus, [OutgoingMessage(TOPIC, "acme/bot", b'{"a": 1}', (("ce_id", "1"), ("ce_type", "t")))])
    [[record]] = await read(1, await bus.join("group", [TOPIC], "one"))
    assert (record.topic, record.key, record.value) == (TOPIC, b"acme/bot", b'{"a": 1}')
    assert tuple(record.headers) == (("ce_id", b"1"), ("ce_type", b"t"))
    assert record.offset == 0


async def test_messages_of_a_key_stay_in_order_in_one_partition(bus: AnyBus) -> None:
    await send(bus, messages(each=5))
    [records] = await read(5 * len(KEYS), await bus.join("group", [TOPIC], "one"))
    by_key: dict[bytes | None, list[Record]] = defaultdict(list)
    for record in records:
        by_key[record.key].append(record)
    assert set(by_key) == {key.encode() for key in KEYS}
    for key, found in by_key.items():
        assert len({record.partition for record in found}) == 1, key
        assert [record.value for record in found] == [b"%b %d" % (key or b"", n) for n in range(5)]


async def test_each_group_reads_from_its_own_position(bus: AnyBus) -> None:
    old, new = messages(), messages(first=1)
    await send(bus, old)
    one = await bus.join("group", [TOPIC], "one")
    [records] = await read(len(old), one)
    await one.commit(after(records))
    await one.leave()
    [again] = await read(len(old), await bus.join("another", [TOPIC], "one"))
    assert texts(again) == values(old)
    await send(bus, new)
    [rest] = await read(len(new), await bus.join("group", [TOPIC], "two"))
    assert texts(rest) == values(new)


async def test_uncommitted_messages_are_redelivered(bus: AnyBus) -> None:
    sent = messages()
    await send(bus, sent)
    for member in ("one", "two"):
        consumer = await bus.join("group", [TOPIC], member)
        [records] = await read(len(sent), consumer)
        assert texts(records) == values(sent)
        await consumer.leave()


async def test_explicit_commit_affects_only_its_partitions(bus: AnyBus) -> None:
    await send(bus, messages(each=3))
    one = await bus.join("group", [TOPIC], "one")
    [records] = await read(3 * len(KEYS), one)
    whole, part, *_ = sorted({record.partition for record in records})
    # Commit all of one partition and the first message of another; nothing of the others, although all was read.
    await one.commit({**after([r for r in records if r.partition == whole]), (TOPIC, part): 1})
    await one.leave()
    left = [r for r in records if r.partition != whole and (r.partition, r.offset) != (part, 0)]
    [again] = await read(len(left), await bus.join("group", [TOPIC], "two"))
    assert texts(again) == texts(left)


@several_members
async def test_two_members_share_the_partitions(bus: AnyBus) -> None:
    one, two = await bus.join("group", [TOPIC], "one"), await bus.join("group", [TOPIC], "two")
    sent = messages()
    await send(bus, sent)
    first, second = await read(len(sent), one, two)
    assert first
    assert second
    assert not {r.partition for r in first} & {r.partition for r in second}
    assert texts([*first, *second]) == values(sent)


@several_members
async def test_partitions_of_a_leaving_member_move_at_the_committed_position(bus: AnyBus) -> None:
    one, two = await bus.join("group", [TOPIC], "one"), await bus.join("group", [TOPIC], "two")
    sent, more = messages(), messages(first=1)
    await send(bus, sent)
    first, second = await read(len(sent), one, two)
    await two.commit(after(second))
    await one.leave()
    [taken_over] = await read(len(first), two)
    assert texts(taken_over) == texts(first)
    await send(bus, more)
    [everything] = await read(len(more), two)
    assert texts(everything) == values(more)
