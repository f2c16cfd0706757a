"""The relay: order, leases, and an unavailable bus."""

import asyncio
import contextlib
from collections.abc import Sequence
from itertools import count
from typing import Any
from unittest import mock

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError

from shared.errors import Permanent
from shared.events.message import MAX_PAYLOAD, OutgoingMessage
from shared.messaging.dead_letters import DeadLetter
from shared.messaging.relay import BATCH_BYTES, Relay, sent_progress
from shared.messaging.send_result import SendResult
from shared.messaging.store import Pending, Progress
from shared.runtime.background import cancel_all
from shared.runtime.prometheus_metrics import Metrics
from shared.testing.bus import FakeBus
from shared.testing.store import FakeStore
from tests.support.eventually import eventually
from tests.support.messaging import envelope, feedback, record


def make_relay(store: FakeStore, bus: FakeBus, owner: str = "one") -> Relay:
    relay = Relay(store, bus, owner, store.shards, Metrics("scratch"))
    store.on_emit = relay.wake
    return relay


async def emit(store: FakeStore, count: int = 1) -> None:
    async with store.begin() as tx:
        await tx.emit(*[envelope(feedback(value=float(value))) for value in range(count)])


def sent(bus: FakeBus) -> int:
    return sum(len(records) for records in bus.log.values())


async def test_emitted_events_are_sent_immediately_in_order() -> None:
    store, bus = FakeStore(), FakeBus()
    task = asyncio.create_task(make_relay(store, bus).run())
    await emit(store, 20)
    await eventually(lambda: sent(bus) == 20)
    (log,) = bus.log.values()
    assert [record.offset for record in log] == list(range(20))
    assert all(row.sent for row in store.state.outbox)
    await cancel_all([task])
    assert await store.lease(store.shards, "two", 60), "its shards are free immediately"


async def test_relay_waits_for_an_unavailable_bus() -> None:
    store, bus = FakeStore(), FakeBus()
    bus.down = True
    task = asyncio.create_task(make_relay(store, bus).run())
    await emit(store, 5)
    await asyncio.sleep(0)
    assert sent(bus) == 0
    bus.down = False
    await eventually(lambda: sent(bus) == 5)
    await cancel_all([task])


def _is_poison(message: OutgoingMessage) -> bool:
    return message.key == "acme/bot-1" and b'"value":3.0' in message.value


async def test_rejected_message_blocks_only_its_own_key() -> None:
    store, bus = FakeStore(), FakeBus()
    bus.result_of = lambda message: SendResult.REFUSED if _is_poison(message) else SendResult.SENT
    async with store.begin() as tx:
        for value in range(6):
            await tx.emit(*[envelope(feedback(target=f"bot-{value % 2}", value=float(value)))])
    task = asyncio.create_task(make_relay(store, bus).run())
    await eventually(lambda: sent(bus) == 4)
    await emit(store, 10)
    await eventually(lambda: sent(bus) == 14)
    waiting = [row.message for row in store.state.outbox if not row.sent]
    assert [b'"value":3.0' in message.value for message in waiting] == [True, False], "3.0 and the messages after it"
    assert {message.key for message in waiting} == {"acme/bot-1"}
    await cancel_all([task])


async def test_full_topic_blocks_only_itself() -> None:
    store, bus = FakeStore(), FakeBus()
    bus.result_of = lambda message: SendResult.NO_ROOM if message.topic == "feedback.created" else SendResult.SENT
    await emit(store, 5)
    async with store.begin() as tx:
        await tx.park(DeadLetter.from_record("a", record(envelope()), Permanent()))
    task = asyncio.create_task(make_relay(store, bus).run())
    await eventually(lambda: sent(bus) == 1)
    bus.result_of = lambda _: SendResult.SENT
    await eventually(lambda: sent(bus) == 6)
    await cancel_all([task])


async def test_a_hold_that_ends_during_a_query_is_followed_by_another_query() -> None:
    """Without one the messages wait for the next poll, which is a minute later with the embedded broker."""
    store, bus, now = FakeStore(), FakeBus(), [0.0]
    relay = Relay(store, bus, "one", store.shards, Metrics("scratch"), monotonic=lambda: now[0])
    tokens = await store.lease(store.shards, "one", 60)
    pending = store.pending

    async def query_slowly(*arguments: Any) -> list[Pending]:
        found = await pending(*arguments)
        now[0] += 1.0
        return found

    bus.result_of = lambda _: SendResult.NO_ROOM
    await emit(store, 5)
    assert await relay.pump(tokens)
    bus.result_of = lambda _: SendResult.SENT
    with mock.patch.object(store, "pending", query_slowly):
        assert await relay.pump(tokens), "the topic was held at the query, and is free now"
        assert sent(bus) == 0
        assert not await relay.pump(tokens)
    assert sent(bus) == 5


async def test_unreadable_row_is_reported_and_blocks_nothing() -> None:
    store, bus = FakeStore(), FakeBus()
    await emit(store, 3)
    store.state.rows[0].packed = store.state.rows[0].packed._replace(messages=b"\xff" * 20)
    await emit(store, 2)
    relay = make_relay(store, bus)
    tokens = await store.lease(store.shards, "one", 60)
    while await relay.pump(tokens):
        pass
    assert sent(bus) == 2
    assert [row.set_aside for row in store.state.rows] == [True, False]
    assert relay.backlog.set_aside == 1


def test_progress_stops_at_unacknowledged_messages_across_rows_of_a_key() -> None:
    one = (OutgoingMessage("t", "k", b"", ()),)
    rows = [
        Pending(1, "t", "k", 4, 0, one * 3),
        Pending(2, "t", "other", 0, 0, one * 2),
        Pending(3, "t", "k", 0, 0, one),
        Pending(4, "t", "full", 0, 0, one),
    ]
    sent, room = SendResult.SENT, SendResult.NO_ROOM
    results = [sent, SendResult.UNANSWERED, sent, sent, sent, sent, room]
    assert sent_progress(rows, results) == [Progress(1, 4, 5), Progress(2, 0, 2)]


FATES = st.sampled_from(list(SendResult))


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b"])), max_size=40), st.lists(FATES, max_size=60))
def test_order_of_each_key_is_kept_with_any_bus_results(keys: list[tuple[int, str]], fates: list[SendResult]) -> None:
    """Each message is accepted eventually; until then any result may occur."""

    async def play() -> None:
        store, bus, coming = FakeStore(), FakeBus(), iter(fates)
        bus.result_of = lambda _: next(coming, SendResult.SENT)
        async with store.begin() as tx:
            for number, (key, topic) in enumerate(keys):
                tx.messages.append(OutgoingMessage(topic, str(key), str(number).encode(), ()))
        hours = count(0, 3600)
        relay = Relay(store, bus, "one", store.shards, Metrics("scratch"), monotonic=lambda: next(hours))
        tokens = await store.lease(store.shards, "one", 60)
        while not all(row.sent for row in store.state.outbox):
            await relay.pump(tokens)
        for log in bus.log.values():
            for key in range(4):
                numbers = [int(it.value or b"") for it in log if it.key == str(key).encode()]
                assert numbers == sorted(set(numbers))

    asyncio.run(play())


@given(st.lists(st.integers(1, MAX_PAYLOAD), max_size=12))
def test_a_batch_is_bounded_by_bytes(sizes: list[int]) -> None:
    async def play() -> None:
        store, bus = FakeStore(), FakeBus()
        async with store.begin() as tx:
            tx.messages += [OutgoingMessage("t", "k", b"x" * size, ()) for size in sizes]
        batches: list[int] = []

        async def send(messages: Sequence[OutgoingMessage]) -> list[SendResult]:
            batches.append(sum(len(message.value) for message in messages))
            return [SendResult.SENT] * len(messages)

        bus.send = send  # type: ignore[method-assign]
        relay = make_relay(store, bus)
        tokens = await store.lease(store.shards, "one", 60)
        while await relay.pump(tokens):
            pass
        assert sum(batches) == sum(sizes)
        assert max(batches, default=0) <= BATCH_BYTES

    asyncio.run(play())


async def test_the_age_of_the_oldest_message_is_measured() -> None:
    store, bus = FakeStore(), FakeBus()
    bus.down = True
    relay = make_relay(store, bus)
    await emit(store)
    task = asyncio.create_task(relay.run())
    await eventually(lambda: relay.backlog.age() > 0)
    bus.down = False
    await eventually(lambda: sent(bus) == 1)
    await eventually(lambda: relay.backlog.age() == 0)
    await cancel_all([task])


async def test_read_only_database_is_reported_in_the_metrics() -> None:
    store, bus, metrics = FakeStore(), FakeBus(), Metrics("scratch")
    refused = DBAPIError("UPDATE", {}, asyncpg.ReadOnlySQLTransactionError("read-only"))
    lease = store.lease
    store.lease = mock.AsyncMock(side_effect=refused)  # type: ignore[method-assign]
    task = asyncio.create_task(Relay(store, bus, "one", store.shards, metrics).run())
    await eventually(lambda: metrics.registry.get_sample_value("ratchet_database_read_only") == 1.0)
    store.lease = lease  # type: ignore[method-assign]
    await eventually(lambda: metrics.registry.get_sample_value("ratchet_database_read_only") == 0.0)
    await cancel_all([task])


async def test_two_relays_do_not_send_the_same() -> None:
    store, bus = FakeStore(), FakeBus()
    tasks = [asyncio.create_task(make_relay(store, bus, owner).run()) for owner in ("one", "two")]
    for _ in range(10):
        await emit(store, 3)
    await eventually(lambda: all(row.sent for row in store.state.outbox))
    assert sent(bus) == 30
    await cancel_all(tasks)


async def test_relay_without_its_lease_marks_nothing() -> None:
    store, bus = FakeStore(), FakeBus()
    await emit(store)
    with pytest.raises(ConnectionError, match="lease"):
        await make_relay(store, bus).pump(dict.fromkeys(range(4), 7))
    assert not store.state.outbox[0].sent


async def test_cancel_all_ends_tasks_that_swallow_a_cancellation() -> None:
    async def swallow_cancellation() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(swallow_cancellation())
    await asyncio.sleep(0)
    await cancel_all([task], every=0.01)
    assert task.done()
