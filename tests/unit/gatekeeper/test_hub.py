"""Pushes: each client gets the newest version of each prompt once, however slowly it reads."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.delivery.hub import (
    MAX_PENDING,
    DeliveryStatus,
    Frame,
    Hub,
    StreamClient,
    TooManyStreams,
    TooManyStreamsOfKey,
)
from shared.testing.clock import FakeClock
from tests.support.streams import nothing_live

HERE = ("acme", "production")


def frame(name: str, sequence: int) -> Frame:
    return Frame(name, sequence, f"sha256:{sequence}", f"{name}{sequence};".encode())


def large(name: str, sequence: int, size: int = 10_000) -> Frame:
    return Frame(name, sequence, f"sha256:{sequence}", f"{name}{sequence};".rjust(size).encode())


async def read(frames: AsyncIterator[bytes]) -> bytes:
    async with asyncio.timeout(60):
        return await anext(frames)


async def test_a_push_reaches_only_clients_of_the_prompt() -> None:
    hub = Hub(9)
    wants, other, elsewhere = hub.join(HERE, ["a"]), hub.join(HERE, ["b"]), hub.join(("acme", "staging"), None)
    hub.push(HERE, frame("a", 1))
    assert await read(wants.frames(5, nothing_live)) == b"a1;"
    for silent in (other, elsewhere):
        assert await read(silent.frames(0.01, nothing_live)) == b": keep-alive\n\n"


async def test_a_slow_client_gets_only_the_newest_version() -> None:
    hub = Hub(9)
    slow = hub.join(HERE, None)
    for sequence in range(1, 1001):
        hub.push(HERE, frame("a", sequence))
    hub.push(HERE, frame("b", 1))
    assert await read(slow.frames(5, nothing_live)) == b"a1000;b1;"


async def test_all_streams_write_a_push_in_one_turn_of_the_event_loop() -> None:
    hub = Hub(200)
    clients = [hub.join(HERE, None) for _ in range(200)]
    reads = [asyncio.ensure_future(anext(client.frames(99, nothing_live))) for client in clients]
    await asyncio.sleep(0)
    turns = 0
    hub.push(HERE, frame("a", 1))
    while not all(read.done() for read in reads):
        assert sum(read.done() for read in reads) == 0, "some streams wrote before others"
        await asyncio.sleep(0)
        turns += 1
    assert turns <= 2  # the event's future, then the stream
    assert {await read for read in reads} == {b"a1;"}


async def test_slow_client_delays_no_other_and_is_resynchronised() -> None:
    """The client does not read 100 versions of 10 kB; then it gets the newest of each prompt once, and all
    later ones.
    """
    hub, reads = Hub(9), 0
    slow, quick = hub.join(HERE, None), hub.join(HERE, None)

    async def live() -> list[Frame]:
        nonlocal reads
        reads += 1
        hub.push(HERE, frame("c", 1))  # promoted while the database is being read
        return [large("a", 100), large("b", 100), frame("unchanged", 1)]

    slowly, quickly = slow.frames(99, live), quick.frames(99, nothing_live)
    hub.push(HERE, frame("unchanged", 1))
    assert await read(slowly) == await read(quickly) == b"unchanged1;"
    kept = []
    for sequence in range(1, 101):
        for name in ("a", "b", "d", "e", "f", "g", "h", "i"):
            hub.push(HERE, large(name, sequence))
            assert await read(quickly) == large(name, sequence).data
            kept.append(sum(len(it.data) for it in slow._pending.values()))
    assert max(kept) <= MAX_PENDING
    assert reads == 0, "the database is not read for a client that does not read"
    assert await read(slowly) == b"c1;" + large("a", 100).data + large("b", 100).data
    assert {status.name: status.sequence for status in slow.statuses()} == {"unchanged": 1}
    hub.push(HERE, large("a", 101))
    assert await read(slowly) == large("a", 101).data
    assert reads == 1
    assert {status.name: status.sequence for status in slow.statuses()} == {"unchanged": 1, "a": 100, "b": 100, "c": 1}


async def test_resynchronisation_without_changes_sends_nothing() -> None:
    async def rolled_back() -> list[Frame]:
        return []

    client = Hub(1).join(HERE, None)
    frames = client.frames(0.01, rolled_back)
    client.enqueue(frame("a", 1))
    assert await read(frames) == b"a1;"
    client.enqueue(large("b", 1, MAX_PENDING + 1))
    assert await read(frames) == b": keep-alive\n\n"
    client.enqueue(frame("a", 2))
    assert await read(frames) == b"a2;"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_every_reading_client_gets_each_newest_version_once(pushes: list[tuple[str, bool]]) -> None:
    asyncio.run(_read_after_pushes(pushes))


async def _read_after_pushes(pushes: list[tuple[str, bool]]) -> None:
    """Push a version of each name; where the boolean is true, the client reads in between."""
    hub = Hub(1)
    client = hub.join(HERE, None)
    live: dict[str, Frame] = {}
    got: dict[str, list[int]] = {"a": [], "b": [], "c": []}

    async def read_live() -> list[Frame]:
        return list(live.values())

    frames = client.frames(0.001, read_live)

    async def read_all(chunk: bytes) -> None:
        for part in filter(None, chunk.replace(b": keep-alive\n\n", b"").split(b";")):
            text = part.decode().strip()
            got[text[0]].append(int(text[1:]))

    for sequence, (name, reads) in enumerate(pushes, 1):
        live[name] = large(name, sequence, 40_000)
        hub.push(HERE, live[name])
        if reads:
            await read_all(await read(frames))
    for _ in range(2):
        await read_all(await read(frames))
    for name, sequences in got.items():
        assert sequences == sorted(set(sequences)), "an older or repeated version"
        assert sequences[-1:] == [live[name].sequence for _ in range(name in live)]


async def test_disconnected_client_gets_nothing_and_frees_its_slot() -> None:
    hub = Hub(1)
    first = hub.join(HERE, None)
    with pytest.raises(TooManyStreams):
        hub.join(HERE, None)
    hub.leave(HERE, first)
    assert hub.size == 0
    second = hub.join(HERE, None)
    hub.push(HERE, frame("a", 1))
    assert await read(first.frames(0.01, nothing_live)) == b": keep-alive\n\n"
    assert await read(second.frames(5, nothing_live)) == b"a1;"


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
    frames = second.frames(0.01, nothing_live)
    hub.push(HERE, frame("a", 7))
    assert next(second.statuses()).sequence is None, "a queued version does not count as sent"
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
def test_sequences_of_a_prompt_only_increase(pushes: list[tuple[str, int]]) -> None:
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
    waiting = asyncio.create_task(anext(gone.frames(99, nothing_live), None))
    await asyncio.sleep(0)
    hub.close_streams(HERE, "a")
    assert await waiting is None
    hub.push(HERE, frame("x", 1))
    hub.push(("acme", "staging"), frame("x", 1))
    assert [chunk async for chunk in gone.frames(99, nothing_live)] == []
    assert await read(stays.frames(5, nothing_live)) == await read(elsewhere.frames(5, nothing_live)) == b"x1;"
