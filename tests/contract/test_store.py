"""The contract of a store: one suite for the fake and PostgreSQL."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from shared.errors import Permanent
from shared.events import derived_id
from shared.events.message import OutgoingMessage
from shared.messaging.dead_letters import DeadLetter
from shared.messaging.outbox_holds import Held
from shared.messaging.packed_messages import shard_of
from shared.messaging.position_gaps import ABSENT, Gap
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Progress
from shared.testing.store import FakeStore
from tests.support.messaging import SCHEMA, envelope, feedback, record, scratch_engine

AnyStore = SqlStore | FakeStore
ALL = range(4)


@pytest.fixture(params=["fake", "postgres"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[AnyStore]:
    if request.param == "fake":
        yield FakeStore()
        return
    engine = await scratch_engine(request.getfixturevalue("postgres_dsn"))
    yield SqlStore(engine, SCHEMA)
    await engine.dispose()


async def unsent(store: AnyStore) -> list[OutgoingMessage]:
    return [message for row in await store.pending(ALL, 100) for message in row.messages]


async def test_event_is_claimed_once_per_consumer(store: AnyStore) -> None:
    first, second = uuid4(), uuid4()
    async with store.begin() as tx:
        assert await tx.claim("a", [first]) == {first}
    async with store.begin() as tx:
        assert await tx.claim("a", [first, second]) == {second}
        assert await tx.claim("a", [second]) == set()
        assert await tx.claim("b", [first]) == {first}


async def test_failed_transaction_is_rolled_back(store: AnyStore) -> None:
    event = uuid4()
    letter = DeadLetter.from_record("a", record(envelope()), Permanent())

    async def raise_in_transaction() -> None:
        async with store.begin() as tx:
            await tx.claim("a", [event])
            await tx.emit(envelope())
            await tx.park(letter)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await raise_in_transaction()
    async with store.begin() as tx:
        assert await tx.claim("a", [event]) == {event}
        assert not await tx.unpark(letter.id, "replayed")
    assert await unsent(store) == []


async def test_emitted_events_are_pending_in_order_with_their_headers(store: AnyStore) -> None:
    wakeups: list[bool] = []
    store.on_emit = lambda: wakeups.append(True)
    sent = [envelope(feedback(value=float(value))) for value in range(5)]
    async with store.begin() as tx:
        await tx.emit(*sent[:3])
    async with store.begin() as tx:
        await tx.emit(*sent[3:])
    async with store.begin() as tx:
        await tx.emit()
    assert len(wakeups) == 2
    messages = await unsent(store)
    assert [dict(message.headers)["ce_id"] for message in messages] == [str(one.id) for one in sent]
    assert {message.key for message in messages} == {"acme/bot"}
    assert messages[0].topic == "feedback.created"


async def test_dead_letter_is_stored_mirrored_and_closed_once(store: AnyStore) -> None:
    letter = DeadLetter.from_record("a", record(envelope(), offset=7), Permanent())
    for _ in range(2):
        async with store.begin() as tx:
            await tx.park(letter)
    (mirror,) = await unsent(store)
    assert mirror.topic == "feedback.created.dlq"
    assert mirror.value == letter.payload
    assert dict(mirror.headers)["dlq_origin"] == "feedback.created/0/7"
    assert dict(mirror.headers)["dlq_reason"] == "permanent"
    async with store.begin() as tx:
        assert await tx.unpark(letter.id, "replayed")
    async with store.begin() as tx:
        assert not await tx.unpark(letter.id, "discarded")


async def test_consumer_is_paused_until_resumed(store: AnyStore) -> None:
    async with store.begin() as tx:
        assert await tx.pause_reason("a") is None
        await tx.pause("a", ["feedback.created", "prompt.live"], "too many")
    async with store.begin() as tx:
        assert await tx.pause_reason("a") == "too many"
        assert await tx.pause_reason("b") is None
        assert await tx.resume("a")
        assert not await tx.resume("a")
    async with store.begin() as tx:
        assert await tx.pause_reason("a") is None


async def test_a_dead_letter_may_hold_any_bytes(store: AnyStore) -> None:
    hostile = record(envelope(), topic="feedback.created")
    bad = DeadLetter(
        derived_id("x"), "a", hostile.topic, 0, 1, b"\xff\0", (("h", b"\xff\0"),), b"\0\xff", "malformed", "x"
    )
    async with store.begin() as tx:
        await tx.park(bad)
    (mirror,) = await unsent(store)
    assert mirror.value == b"\0\xff"


async def test_mirror_of_a_dead_letter_fits_into_a_message(store: AnyStore) -> None:
    """Kafka accepted the message once, but would reject it with our headers added, which would block the outbox."""
    headers = tuple((f"h{number}", b"\xff" * 5_000) for number in range(200))
    huge = DeadLetter(
        derived_id("y"), "a", "feedback.submitted", 0, 1, b"\0" * 5_000, headers, b"x" * 1_048_400, "m", ""
    )
    async with store.begin() as tx:
        await tx.park(huge)
    (mirror,) = await unsent(store)
    parts = (mirror.key, *(part for header in mirror.headers for part in header))
    assert len(mirror.value) + sum(len(part.encode()) for part in parts) < 1_000_000
    assert dict(mirror.headers)["dlq_origin"] == "feedback.submitted/0/1"


async def test_each_shard_has_one_relay_and_its_token_fences_the_previous_one(store: AnyStore) -> None:
    held = await store.lease(4, "one", 60)
    assert set(held) == set(ALL)
    assert await store.lease(4, "two", 60) == {}
    assert await store.lease(4, "one", 60) == held, "renewal keeps the token"
    async with store.begin() as tx:
        await tx.emit(envelope())
    (row,) = await store.pending(ALL, 10)
    await store.release("one")
    taken = await store.lease(4, "two", 60)
    assert set(taken) == set(ALL)
    assert not await store.mark_sent(held, "one", [Progress(row.id, 0, 1)]), "the lease belongs to the other relay"
    assert await store.mark_sent(taken, "two", [Progress(row.id, 0, 1)])
    assert await unsent(store) == []


async def test_messages_of_one_key_share_a_shard(store: AnyStore) -> None:
    async with store.begin() as tx:
        await tx.emit(*[envelope(feedback(target=f"bot-{number % 5}")) for number in range(50)])
    for shard in ALL:
        for row in await store.pending([shard], 100):
            assert shard_of(row.key, 4) == shard


async def test_pending_respects_the_byte_limit_but_returns_at_least_one_message(store: AnyStore) -> None:
    for size in (3_000, 100, 100, 5_000, 100):
        async with store.begin() as tx:
            await tx.emit(envelope(feedback().model_copy(update={"text": "x" * size})))
    rows = await store.pending(ALL, 100, 6_000)
    assert len(rows) == 3
    assert len(await store.pending(ALL, 2, 6_000)) == 2
    assert len(await store.pending(ALL, 100, 1)) == 1
    assert [row.id for row in await store.pending(ALL, 100)] == sorted(row.id for row in await store.pending(ALL, 100))


async def test_a_row_that_was_sent_in_part_keeps_the_rest(store: AnyStore) -> None:
    async with store.begin() as tx:
        await tx.emit(*[envelope(feedback(value=float(value))) for value in range(5)])
    (row,) = await store.pending(ALL, 10)
    held = await store.lease(4, "one", 60)
    assert await store.mark_sent(held, "one", [Progress(row.id, 0, 2)])
    (rest,) = await store.pending(ALL, 10)
    assert (rest.first, rest.messages) == (2, row.messages[2:])
    assert await store.oldest_unsent() is not None
    assert await store.mark_sent(held, "one", [Progress(row.id, 0, 5)]), "read before it was sent in part"
    assert len(await unsent(store)) == 3
    assert await store.mark_sent(held, "one", [Progress(row.id, 2, 5)])
    assert await store.pending(ALL, 10) == []
    assert await store.oldest_unsent() is None


async def test_set_aside_row_blocks_nothing(store: AnyStore) -> None:
    async with store.begin() as tx:
        await tx.emit(envelope(), envelope(feedback(target="other")))
    first, second = await store.pending(ALL, 10)
    held = await store.lease(4, "one", 60)
    assert not await store.set_aside({shard: token + 1 for shard, token in held.items()}, "one", [first.id])
    assert await store.set_aside(held, "one", [first.id])
    assert await store.count_set_aside() == 1
    assert await store.pending(ALL, 10) == [second]
    assert await store.mark_sent(held, "one", [Progress(second.id, 0, 1)])
    assert await store.oldest_unsent() is None


async def test_held_topics_and_keys_are_not_pending(store: AnyStore) -> None:
    async with store.begin() as tx:
        await tx.emit(*[envelope(feedback(target=f"bot-{number}")) for number in range(3)])
        await tx.park(DeadLetter.from_record("a", record(envelope()), Permanent()))
    topic, mirror = "feedback.created", "feedback.created.dlq"

    async def found(*held: Any) -> list[tuple[str, str]]:
        return [(row.topic, row.key) for row in await store.pending(ALL, 100, 10**6, Held(*held))]

    assert await found([mirror], []) == [(topic, f"acme/bot-{number}") for number in range(3)]
    assert await found([topic], []) == [(mirror, "acme/bot")]
    assert len(await found([], [(topic, "acme/bot-1"), (mirror, "acme/bot-1")])) == 3
    assert await found([topic, mirror], []) == []


async def test_the_oldest_unsent_message_has_an_age(store: AnyStore) -> None:
    assert await store.oldest_unsent() is None
    async with store.begin() as tx:
        await tx.emit(envelope())
    age = await store.oldest_unsent()
    assert age is not None
    assert 0 <= age < 3600
    held = await store.lease(4, "one", 60)
    assert await store.mark_sent(held, "one", [Progress(row.id, 0, 1) for row in await store.pending(ALL, 10)])
    assert await store.oldest_unsent() is None


async def test_message_larger_than_kafkas_limit_is_rejected_by_emit(store: AnyStore) -> None:
    large = feedback().model_copy(update={"text": "x" * 1_000_000})

    async def emit() -> None:
        async with store.begin() as tx:
            await tx.emit(envelope(large))

    with pytest.raises(Permanent, match="at most 900000 are allowed"):
        await emit()
    assert await unsent(store) == []


async def test_positions_advance_and_move_back_only_by_replacement(store: AnyStore) -> None:
    first, second = ("t", 0), ("t", 1)
    async with store.begin() as tx:
        assert await tx.record_positions("a", {first: 5, second: 2}) == {}
    async with store.begin() as tx:
        assert await tx.record_positions("a", {first: 3, second: 7}) == {first: 5, second: 2}
        assert await tx.positions("a") == {first: 5, second: 7}
        assert await tx.positions("b") == {}
    async with store.begin() as tx:
        assert not await tx.replace_position("a", first, ABSENT, 0, None)
        assert not await tx.replace_position("a", first, 4, 0, None)
        assert await tx.replace_position("a", first, 5, 1, Gap(1, 5, 0))
        assert await tx.replace_position("b", first, ABSENT, 9, None)
    async with store.begin() as tx:
        assert await tx.positions("a") == {first: 1, second: 7}
        assert await tx.positions("b") == {first: 9}
