"""Copies of built-in values: what is copied as it is, and what must be converted first."""

import array
import enum
import logging
import marshal
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet import Ratchet
from ratchet.client.field_values import _MAX_COPY, copy_of_built_ins
from tests.support.prompts import JSON
from tests.support.ratchet_server import FakeServer


@pytest.fixture
def client(server: FakeServer) -> Iterator[Ratchet]:
    with Ratchet("http://ratchet", "k", transport=server.transport()) as ratchet:
        yield ratchet


@given(JSON | st.floats() | st.text(st.characters()), st.integers())
def test_a_copy_has_equal_values(value: object, number: int) -> None:
    copied = copy_of_built_ins((value, {"n": number}))
    assert copied is not None
    assert repr(marshal.loads(copied)) == repr((value, {"n": number}))


def test_a_copy_is_independent_of_the_values() -> None:
    inner: list[Any] = [{"a": 1}]
    copied = copy_of_built_ins((inner,))
    inner[0]["a"] = 2
    inner.append(3)
    assert copied is not None
    assert marshal.loads(copied) == ([{"a": 1}],)


class Text(str):
    pass


class Number(float):
    pass


class Level(enum.IntEnum):
    LOW = 1


class Pair(NamedTuple):
    left: int
    right: int


@pytest.mark.parametrize(
    "value",
    [array.array("d", [1.5]), memoryview(b"ab"), b"text", bytearray(b"text"), Text("a"), Number(1.5), Level.LOW,
     Pair(1, 2), {1: 2}, {Text("a"): 1}, Decimal(1), 1j, {1, 2}, frozenset({1}), object, ...],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_other_types_are_converted_first(value: object) -> None:
    assert copy_of_built_ins((value,)) is None
    assert copy_of_built_ins(([{"a": value}],)) is None


def test_what_is_too_deep_or_large_is_converted_first() -> None:
    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]
    cycle: list[Any] = []
    cycle.append(cycle)
    assert copy_of_built_ins((deep,)) is None
    assert copy_of_built_ins((cycle,)) is None
    assert copy_of_built_ins(("x" * _MAX_COPY,)) is None


@given(st.integers(1, 50))
def test_a_repeated_object_counts_each_time(times: int) -> None:
    shared = {"text": "x" * 1_000}
    copied = copy_of_built_ins(([shared] * times,))
    assert copied is not None
    assert len(copied) >= 1_000 * times


def test_fields_left_out_in_the_background_are_logged_and_counted(
    client: Ratchet, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    execution = client.record("chat", cost="much", attributes={"a": [1], "b": "x"}, input="Why?")  # type: ignore[arg-type]
    client.record("chat", cost="more")  # type: ignore[arg-type]
    assert client.flush()
    assert (server.bodies[execution]["input"], "cost" in server.bodies[execution]) == ("Why?", False)
    assert (client.counters.sent, client.counters.dropped_fields) == (2, 2)
    assert caplog.text.count("the field cost of executions was left out") == 1


def test_feedback_that_is_invalid_is_refused_in_the_background(
    client: Ratchet, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "ratchet")
    refused = client.feedback("e", kind="rating", value="good")
    assert client.flush()
    assert not server.effects
    assert (client.counters.accepted, client.counters.refused) == (1, 1)
    assert f"{refused} was not sent: must be a number" in caplog.text
