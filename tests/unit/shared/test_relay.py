"""The relay: order, leases, and what it does when the bus is away."""

import asyncio
import contextlib

import pytest

from shared.messaging.relay import Relay
from shared.runtime.metrics import Metrics
from shared.runtime.tasks import end
from shared.testing.bus import FakeBus
from shared.testing.store import FakeStore
from tests.support.eventually import eventually
from tests.support.messaging import envelope, feedback


def relay_of(store: FakeStore, bus: FakeBus, owner: str = "one") -> Relay:
    relay = Relay(store, bus, owner, store.shards, Metrics("scratch"))
    store.on_emit = relay.wake
    return relay


async def emit(store: FakeStore, count: int = 1) -> None:
    async with store.begin() as tx:
        await tx.emit(*[envelope(feedback(value=float(value))) for value in range(count)])


def sent(bus: FakeBus) -> int:
    return sum(len(records) for records in bus.log.values())


async def test_what_is_emitted_is_sent_at_once_and_in_order() -> None:
    store, bus = FakeStore(), FakeBus()
    task = asyncio.create_task(relay_of(store, bus).run())
    await emit(store, 20)
    await eventually(lambda: sent(bus) == 20)
    (log,) = bus.log.values()
    assert [record.offset for record in log] == list(range(20))
    assert all(row.sent for row in store.state.outbox)
    await end([task])
    assert await store.lease(store.shards, "two", 60), "its shards are free at once"


async def test_it_waits_for_a_bus_that_is_away() -> None:
    store, bus = FakeStore(), FakeBus()
    bus.down = True
    task = asyncio.create_task(relay_of(store, bus).run())
    await emit(store, 5)
    await asyncio.sleep(0)
    assert sent(bus) == 0
    bus.down = False
    await eventually(lambda: sent(bus) == 5)
    await end([task])


async def test_two_relays_do_not_send_the_same() -> None:
    store, bus = FakeStore(), FakeBus()
    tasks = [asyncio.create_task(relay_of(store, bus, owner).run()) for owner in ("one", "two")]
    for _ in range(10):
        await emit(store, 3)
    await eventually(lambda: all(row.sent for row in store.state.outbox))
    assert sent(bus) == 30
    await end(tasks)


async def test_a_lost_lease_marks_nothing() -> None:
    store, bus = FakeStore(), FakeBus()
    await emit(store)
    with pytest.raises(ConnectionError, match="lease"):
        await relay_of(store, bus).pump(dict.fromkeys(range(4), 7))
    assert not store.state.outbox[0].sent


async def test_ending_ends_also_what_swallows_a_cancellation() -> None:
    async def stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await end([task])
    assert task.done()
