"""Pushes: each client gets the newest version of each prompt once, however slowly it reads."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.delivery.hub import DeliveryStatus, Frame, Hub, StreamClient, TooManyStreams, TooManyStreamsOfKey
from shared.testing.clock import FakeClock

HERE = ("acme", "production")


def frame(name: str, sequence: int) -> Frame:
    return Frame(name, sequence, f"sha256:{sequence}", f"{name}{sequence};".encode())


async def read(frames: AsyncIterator[bytes]) -> bytes:
    async with asyncio.timeout(60):
        return await anext(frames)


async def test_a_push_reaches_only_clients_of_the_prompt() -> None:
    hub = Hub(9)
    wants, other, elsewhere = hub.join(HERE, ["a"]), hub.join(HERE, ["b"]), hub.join(("acme", "staging"), None)
    hub.push(HERE, frame("a", 1))
    assert await read(wants.frames(5)) == b"a1;"
    for silent in (other, elsewhere):
        assert await read(silent.frames(0.01)) == b": keep-alive\n\n"


async def test_a_slow_client_gets_only_the_newest_version() -> None:
    hub = Hub(9)
    slow = hub.join(HERE, None)
    for sequence in range(1, 1001):
        hub.push(HERE, frame("a", sequence))
    hub.push(HERE, frame("b", 1))
    assert await read(slow.frames(5)) == b"a1000;b1;"


async def test_a_client_that_left_gets_nothing_and_frees_its_slot() -> None:
    hub = Hub(1)
    first = hub.join(HERE, None)
    with pytest.raises(TooManyStreams):
        hub.join(HERE, None)
    hub.leave(HERE, first)
    assert hub.size == 0
    second = hub.join(HERE, None)
    hub.push(HERE, frame("a", 1))
    assert await read(first.frames(0.01)) == b": keep-alive\n\n"
    assert await read(second.frames(5)) == b"a1;"


def test_an_abandoned_stream_frees_its_slot() -> None:
    hub = Hub(1)
    for _ in range(3):
        hub.join(HERE, None)
    assert hub.size == 0


async def test_the_status_has_what_each_client_was_last_sent() -> None:
    clock = FakeClock()
    hub, started = Hub(9, clock), clock.now()
    second, first = hub.join(HERE, ["a", "b"], "web-2"), hub.join(HERE, None, "web-1")
    hub.join(("acme", "staging"), None, "elsewhere")
    clock.advance(timedelta(seconds=5))
    frames = second.frames(0.01)
    hub.push(HERE, frame("a", 7))
    assert next(second.statuses()).sequence is None, "waiting is not sent"
    await read(frames)
    await read(frames)
    assert hub.clients(HERE) == [first, second]
    assert [status for client in hub.clients(HERE) for status in client.statuses()] == [
        DeliveryStatus("web-1", None, None, None, started),
        DeliveryStatus("web-2", "a", 7, "sha256:7", started + timedelta(seconds=5)),
        DeliveryStatus("web-2", "b", None, None, started),
    ]
    assert hub.clients(("acme", "nowhere")) == []


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9)), max_size=30))
def test_sequences_of_a_prompt_only_rise(pushes: list[tuple[str, int]]) -> None:
    hub = Hub(1)
    client = StreamClient(None, None, "", FakeClock().now)
    taken: dict[str, int] = {}
    for name, sequence in pushes:
        assert hub.is_newer(HERE, name, sequence) == (sequence > taken.get(name, 0))
        hub.push(HERE, frame(name, sequence))
        taken[name] = max(sequence, taken.get(name, 0))
        client.enqueue(frame(name, sequence))
    assert {name: kept.sequence for name, kept in client._pending.items()} == taken


async def test_no_key_uses_the_streams_of_others() -> None:
    hub = Hub(3, limit_per_key=2)
    mine = [hub.join(HERE, None, key_id="a") for _ in range(2)]
    with pytest.raises(TooManyStreamsOfKey):
        hub.join(HERE, None, key_id="a")
    theirs = hub.join(HERE, None, key_id="b")
    with pytest.raises(TooManyStreams):
        hub.join(HERE, None, key_id="b")
    for client in mine:
        hub.leave(HERE, client)
    again = hub.join(HERE, None, key_id="a")
    assert set(hub.clients(HERE)) == {theirs, again}


async def test_only_the_streams_of_a_revoked_key_end() -> None:
    hub = Hub(9)
    gone, stays = hub.join(HERE, None, key_id="a"), hub.join(HERE, None, key_id="b")
    elsewhere = hub.join(("acme", "staging"), None, key_id="a")
    assert sorted(hub.key_ids()) == ["a", "b"]
    waiting = asyncio.create_task(anext(gone.frames(99), None))
    await asyncio.sleep(0)
    hub.close_streams(HERE, "a")
    assert await waiting is None
    hub.push(HERE, frame("x", 1))
    hub.push(("acme", "staging"), frame("x", 1))
    assert [chunk async for chunk in gone.frames(99)] == []
    assert await read(stays.frames(5)) == await read(elsewhere.frames(5)) == b"x1;"
