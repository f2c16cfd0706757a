"""Prompt names: an invalid one, or too many, do not affect others."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet import AsyncRatchet, Ratchet
from ratchet.client.subscriber import MAX_NAMES, names_query
from ratchet.prompt import PromptError, from_text, prompt_name
from ratchet.sanitize import visible
from tests.support.eventually import eventually_sync
from tests.support.ratchet_server import FakeServer, live_payload

NEW = from_text("New")
NO_NAMES: list[Any] = [
    "", "a,b", "a\n", "\x00", "\x7f", "\ud800", "x" * 129, 5, None, b"a", ["a"], True, " a", "a ", "a\u00a0b",
    "a\u200bb", "a\u202eb", "\U000e0041", "..", ".", "a/../b", "a//b", "/a", "a/", "a/.", "a\u2028b", "a\tb",
]  # fmt: skip


@pytest.mark.parametrize("name", NO_NAMES)
def test_invalid_name_raises(client: Ratchet, name: Any) -> None:
    with pytest.raises(PromptError, match="name: must"):
        client.prompt(name, "default")


async def test_async_client_accepts_the_same_names(server: FakeServer) -> None:
    async with AsyncRatchet("http://ratchet", "k", transport=server.transport()) as client:
        with pytest.raises(PromptError, match="name: must"):
            await client.prompt("a,b", "default")


@pytest.mark.parametrize("name", ["x", "x" * 128, "a/b?c&d=e#f", "Grüße 🙂", "...", "a b", "x/versions"])
def test_every_other_name_is_pushed(client: Ratchet, server: FakeServer, name: str) -> None:
    assert prompt_name(name) == name
    client.prompt(name, "default")
    eventually_sync(lambda: server.connected(name))
    server.push(live_payload(name, NEW))
    eventually_sync(lambda: client.prompt(name, "default").live)


def test_equivalent_names_are_normalised_to_one(client: Ratchet, server: FakeServer) -> None:
    composed, decomposed = "Gru\u0308\u00dfe", "Gr\u00fc\u00dfe"
    assert prompt_name(composed) == prompt_name(decomposed) == decomposed
    assert prompt_name("Answer") != prompt_name("answer")
    client.prompt(composed, "default")
    eventually_sync(lambda: server.connected(decomposed))
    server.push(live_payload(decomposed, NEW))
    eventually_sync(lambda: client.prompt(composed, "default").live)


@given(st.text(max_size=140))
def test_validation_of_names_is_idempotent(text: str) -> None:
    try:
        name = prompt_name(text)
    except PromptError:
        return
    assert prompt_name(name) == name == name.strip()
    assert visible(name) == name


def test_an_invalid_name_does_not_affect_others(client: Ratchet, server: FakeServer) -> None:
    client.prompt("good", "default")
    for name in NO_NAMES:
        with pytest.raises(PromptError):
            client.prompt(name, "default")
    client.prompt("better", "default")
    eventually_sync(lambda: server.connected("better"))
    server.push(live_payload("good", NEW))
    eventually_sync(lambda: client.prompt("good", "default").live)


def test_all_prompts_are_pushed_with_too_many_names(
    client: Ratchet, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"n{number}" for number in range(MAX_NAMES + 3)]
    for name in names:
        client.prompt(name, "default")
    eventually_sync(lambda: any(stream.open and stream.names is None for stream in server.streams))
    eventually_sync(lambda: server.connected(names[-1]))
    server.push(live_payload("somebody else's", NEW))
    server.push(live_payload(names[0], NEW))
    eventually_sync(lambda: client.prompt(names[0], "default").live)
    assert client.refused_prompts == 0
    assert caplog.text.count("too many for one request") == 1


def test_a_query_fits_into_a_request_line() -> None:
    assert names_query({"b", "a"}) == {"names": "a,b"}
    assert names_query({f"n{number}" for number in range(MAX_NAMES)}) != {}
    assert names_query({f"n{number}" for number in range(MAX_NAMES + 1)}) == {}
    letters = ("".join(pair) * 50 for pair in itertools.product("äöüß", repeat=2))
    assert names_query(set(letters)) == {}, "each letter takes six bytes"
