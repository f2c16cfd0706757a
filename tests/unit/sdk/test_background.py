"""Division of work: the app's thread copies, limits and counts; JSON is written in the background."""

import gc
import json
import logging
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from unittest import mock
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet import Ratchet
from ratchet.client import recorded_items as items
from ratchet.client import values
from ratchet.client.batches import Delivered
from ratchet.client.queue import SendQueue
from ratchet.client.record_arguments import new_id
from ratchet.client.recorded_items import ExecutionFields, FeedbackFields, PromptLabel
from ratchet.client.used_prompts import UsedPrompt
from ratchet.prompt import from_text
from tests.support.ratchet_server import FakeServer

NOW = datetime(2026, 5, 1, tzinfo=UTC)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text(st.characters()) | st.binary()
    | st.datetimes() | st.decimals() | st.uuids() | st.timedeltas() | st.builds(object),
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@pytest.fixture
def client(server: FakeServer) -> Iterator[Ratchet]:
    with Ratchet("http://ratchet", "k", transport=server.transport()) as ratchet:
        yield ratchet


def test_the_apps_thread_writes_no_json(client: Ratchet, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: set[str] = set()
    encode = items.encode

    def noted(body: object) -> bytes:
        threads.add(threading.current_thread().name)
        return encode(body)

    monkeypatch.setattr(items, "encode", noted)
    execution = client.record("chat", input=[{"role": "user", "content": "Why?"}], prompts=[{"name": "answer"}])
    client.feedback(execution, kind="comment", value="Thanks")
    assert client.flush()
    assert threads == {"ratchet-sender"}


def test_later_changes_by_the_app_are_not_sent(
    client: Ratchet, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, encode = threading.Event(), items.UnencodedItem.encode

    def later(item: items.UnencodedItem) -> items.RecordedItem:
        release.wait(60)
        return encode(item)

    monkeypatch.setattr(items.UnencodedItem, "encode", later)
    messages: list[dict[str, Any]] = [{"role": "user", "content": ["Why?"]}]
    attributes, label = {"route": "search"}, PromptLabel(name="answer")
    execution = client.record("chat", input=messages, attributes=attributes, prompts=[label])
    messages[0]["content"][0] = "changed"
    messages.append({})
    attributes["route"] = label["name"] = "changed"
    release.set()
    assert client.flush()
    body = server.bodies[execution]
    assert body["input"] == [{"role": "user", "content": ["Why?"]}]
    assert (body["attributes"], body["prompts"]) == ({"route": "search"}, [{"name": "answer"}])


def encoded(item: items.UnencodedItem) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(item.encode().encoded)
    return found


@given(st.dictionaries(st.sampled_from([*sorted(ExecutionFields.__annotations__), "unknown"]), ANYTHING, max_size=6))
def test_quick_conversions_of_an_execution_have_the_results_of_the_general_ones(fields: dict[str, Any]) -> None:
    prompts = [fields.get("parent_id"), {"name": fields.get("model"), "version": 3}, UsedPrompt("answer", "d")]

    def convert() -> tuple[dict[str, Any], list[str]]:
        item = items.execution("1", "chat", prompts, fields, NOW)
        return encoded(item), sorted(item.encode().dropped)

    quick = convert()
    with general_conversions():
        assert convert() == quick


@given(
    st.sampled_from(["thumb", "rating", "score", "label", "comment", "correction", "other", 5]),
    ANYTHING,
    st.dictionaries(st.sampled_from([*sorted(FeedbackFields.__annotations__), "input"]), ANYTHING, max_size=4),
)
def test_quick_conversions_of_feedback_have_the_results_of_the_general_ones(
    kind: object, value: object, fields: dict[str, Any]
) -> None:
    def convert() -> object:
        try:
            item = items.feedback("1", {"execution_id": "e", "trace_id": None}, kind, value, fields, NOW)
            return encoded(item), sorted(item.encode().dropped)
        except ValueError as error:
            return str(error)

    quick = convert()
    with general_conversions():
        assert convert() == quick


@contextmanager
def general_conversions() -> Iterator[None]:
    """Convert values at once, and without the tables of quick conversions, during the block."""
    with (
        mock.patch.object(items, "copy_of_built_ins", return_value=None),
        mock.patch.object(values, "_BUILT_IN", {}),
        mock.patch("ratchet.client.bodies._EXECUTION_TEXTS", frozenset()),
        mock.patch("ratchet.client.bodies._FEEDBACK_TEXTS", frozenset()),
    ):
        yield


class Name(str):
    """A subclass of a JSON type."""


def test_a_name_of_a_subclass_of_str_is_sent(client: Ratchet, server: FakeServer) -> None:
    prompt = client.prompt("answer", "Hello", target="chat")
    use = UsedPrompt(Name("answer"), prompt.digest)
    item = items.execution("1", Name("chat"), [use], {"user": Name("ann"), "input": Name("Why?")}, NOW)
    assert encoded(item) == {
        "id": "1", "target": "chat", "user": "ann", "input": "Why?", "occurred_at": NOW.isoformat(),
        "prompts": [{"name": "answer", "digest": prompt.digest}],
    }  # fmt: skip


def test_item_without_json_form_is_rejected_alone(
    client: Ratchet, server: FakeServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    encode = items.UnencodedItem.encode

    def broken(item: items.UnencodedItem) -> items.RecordedItem:
        if item.id == "bad":
            raise ValueError("no JSON")
        return encode(item)

    monkeypatch.setattr(items.UnencodedItem, "encode", broken)
    for name in ("good", "bad", "fine"):
        client.record("chat", id=name)
    assert client.flush()
    assert server.effects == {"good": 1, "fine": 1}
    counters = client.counters
    assert (counters.accepted, counters.sent, counters.refused) == (3, 2, 1)
    assert "bad was not sent: no JSON" in caplog.text


def test_a_document_of_an_unencoded_item_counts_once() -> None:
    prompt = from_text("x" * 9_000)
    queue = SendQueue(capacity=100, capacity_bytes=20_000, batch_size=4, batch_bytes=10_000,
                      new_key=str, pause=float)  # fmt: skip
    use = UsedPrompt("answer", prompt.digest, prompt)
    made = [items.execution(str(number), "chat", [use], {}, NOW) for number in range(20)]
    assert all(queue.offer(item) for item in made)
    for item in queue.pop_unencoded(100):
        queue.put_encoded(item, item.encode())
    assert (queue.pending, queue.unencoded) == (20, 0)
    batch = queue.next(0.0)
    assert batch is not None
    assert batch.body.count(b'"document"') == 1


def test_nothing_is_queued_after_close() -> None:
    queue = SendQueue(capacity=9, capacity_bytes=10**6, batch_size=4, batch_bytes=10_000, new_key=str, pause=float)
    queue.offer(items.execution("1", "chat", (), {}, NOW))
    queue.offer(items.execution("2", "chat", (), {}, NOW))
    [item] = queue.pop_unencoded(1)
    assert queue.close() == 2
    queue.put_encoded(item, item.encode())
    assert (queue.pending, queue.due(), queue.counters.abandoned) == (0, None, 2)


def test_memory_is_constant_while_the_server_is_unavailable(caplog: pytest.LogCaptureFixture) -> None:
    def fail_to_connect(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away")

    client = Ratchet("http://ratchet", "k", capacity_bytes=1_000_000, transport=httpx.MockTransport(fail_to_connect))
    text = "How long may I send an item back? " * 30

    def record(count: int) -> int:
        for _ in range(count):
            client.feedback(client.record("chat", input=text), kind="comment", value=text)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        sizes = [record(1_000), record(4_000)]
    finally:
        tracemalloc.stop()
        closed = client.close(0.0)
    assert client.counters.dropped > 3_000
    assert client.counters.accepted < 2_000
    assert max(sizes) < 3_500_000, "10 MB were offered; the same items take 1.3 MB as values and 2.1 MB as JSON"
    assert not closed


def test_calls_from_many_threads_keep_the_counts(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "ratchet")
    client = Ratchet("http://ratchet", "k", capacity=500, transport=server.transport())

    def app() -> None:
        for _ in range(400):
            client.feedback("e", kind="thumb", value=True)

    apps = [threading.Thread(target=app) for _ in range(6)]
    for thread in apps:
        thread.start()
    for thread in apps:
        thread.join()
    assert client.flush(60)
    counters = client.counters
    assert counters.accepted + counters.dropped == 2_400
    assert counters.sent == counters.accepted == len(server.effects)
    assert client.close()


def test_ids_are_random_uuids() -> None:
    found = {new_id() for _ in range(2_000)}
    assert len(found) == 2_000
    assert all((UUID(text).version, UUID(text).variant, str(UUID(text))) == (4, "specified in RFC 4122", text)
               for text in found)  # fmt: skip


def test_bytes_are_released_after_sending() -> None:
    queue = SendQueue(capacity=9, capacity_bytes=1_500, batch_size=4, batch_bytes=10_000, new_key=str, pause=float)
    for number in range(5):
        assert queue.offer(items.execution(str(number), "chat", (), {"input": "x" * 1_000}, NOW))
        for item in queue.pop_unencoded(1):
            queue.put_encoded(item, item.encode() if number % 2 else None)
        if (batch := queue.next(0.0)) is not None:
            queue.apply(batch, Delivered(), 0.0)
    assert (queue.pending, queue.counters.sent, queue.counters.refused) == (0, 2, 3)


def test_field_of_executions_is_not_one_of_feedback(client: Ratchet, server: FakeServer) -> None:
    feedback = client.feedback("e", kind="thumb", value=True, input="Why?", name="tone")  # type: ignore[call-arg]
    assert client.flush()
    assert ("input" in server.bodies[feedback], server.bodies[feedback]["name"]) == (False, "tone")
    assert client.counters.dropped_fields == 1
