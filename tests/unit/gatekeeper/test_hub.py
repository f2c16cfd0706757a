"""Pushes to clients: each gets the newest version of each prompt once, however slow it reads."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.delivery.hub import Client, Crowded, Frame, Hub

HERE = ("acme", "production")


def frame(name: str, sequence: int) -> Frame:
    return Frame(name, sequence, f"{name}{sequence};".encode())


async def read(frames: AsyncIterator[bytes]) -> bytes:
    async with asyncio.timeout(2):
        return await anext(frames)


async def test_a_push_reaches_who_wants_it_and_nobody_else() -> None:
    hub = Hub(9)
    wants, other, elsewhere = hub.join(HERE, ["a"]), hub.join(HERE, ["b"]), hub.join(("acme", "staging"), None)
    hub.push(HERE, frame("a", 1))
    assert await read(wants.frames(5)) == b"a1;"
    for silent in (other, elsewhere):
        assert await read(silent.frames(0.01)) == b": keep-alive\n\n"


async def test_a_slow_client_gets_only_the_newest() -> None:
    hub = Hub(9)
    slow = hub.join(HERE, None)
    for sequence in range(1, 1001):
        hub.push(HERE, frame("a", sequence))
    hub.push(HERE, frame("b", 1))
    assert await read(slow.frames(5)) == b"a1000;b1;"


async def test_who_left_gets_nothing_and_makes_room() -> None:
    hub = Hub(1)
    first = hub.join(HERE, None)
    with pytest.raises(Crowded):
        hub.join(HERE, None)
    hub.leave(HERE, first)
    assert hub.size == 0
    second = hub.join(HERE, None)
    hub.push(HERE, frame("a", 1))
    assert await read(first.frames(0.01)) == b": keep-alive\n\n"
    assert await read(second.frames(5)) == b"a1;"


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9)), max_size=30))
def test_sequences_of_a_prompt_only_rise(pushes: list[tuple[str, int]]) -> None:
    hub = Hub(1)
    client = Client(None)
    taken: dict[str, int] = {}
    for name, sequence in pushes:
        assert hub.behind(HERE, name, sequence) == (sequence > taken.get(name, 0))
        hub.push(HERE, frame(name, sequence))
        taken[name] = max(sequence, taken.get(name, 0))
        client.offer(frame(name, sequence))
    assert {name: kept.sequence for name, kept in client._waiting.items()} == taken
