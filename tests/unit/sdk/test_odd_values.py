"""What apps hand over: whatever the values are, the app goes on, and what can't be sent is counted."""

import itertools
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from ratchet import Ratchet
from ratchet.client.options import options
from ratchet.client.sender import Sender
from ratchet.prompt import from_text
from tests.support.eventually import eventually_sync
from tests.support.ratchet_server import FakeServer, live_payload

ID = UUID("00000000-0000-4000-8000-000000000001")


class Changing(dict[str, object]):
    """A dict that another thread changes all the time."""

    def items(self) -> Any:
        raise RuntimeError("dictionary changed size during iteration")


@pytest.fixture
def client(server: FakeServer) -> Iterator[Ratchet]:
    with Ratchet("http://ratchet", "k", transport=server.transport()) as ratchet:
        yield ratchet


@pytest.mark.parametrize("fields", [{"parameters": None}, {"attributes": None}, {"prompts": None}, {"prompts": [None]}])
def test_none_is_as_nothing(client: Ratchet, server: FakeServer, fields: dict[str, Any]) -> None:
    execution = client.record("chat", **fields)
    assert client.flush()
    assert server.bodies[execution].keys() == {"id", "target", "prompts", "occurred_at"}
    assert server.bodies[execution]["prompts"] == []


@pytest.mark.parametrize(
    "fields",
    [
        {"attributes": [1]},
        {"usage": Changing(a=1)},
        {"parameters": {"nested": Changing(a=1)}},
        {"parameters": 5},
        {"contexts": iter(["a"])},
        {"input": b"bytes"},
        {"usage": object()},
        {"prompts": [from_text("Hello")]},
        {"prompts": 5},
        {"prompts": "answer"},
        {"prompts": (1 / 0 for _ in range(1))},
        {"prompts": {"name": "answer"}},
        {"occurred_at": "now"},
        {"id": "\ud800"},
    ],
)
def test_what_cannot_be_sent_is_counted_and_told(
    client: Ratchet, fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(client.record("chat", **fields), str)
    assert (client.counters.refused, client.counters.accepted) == (1, 1)
    assert "was not sent" in caplog.text


def test_uuids_are_their_text(client: Ratchet, server: FakeServer) -> None:
    execution = client.record(
        "chat", id=ID, trace_id=ID, user=ID, parameters={"run": ID, "all": [ID]}, attributes={"tenant": ID}
    )
    feedback_id = uuid4()
    feedback = client.feedback(ID, kind="thumb", value=True, id=feedback_id, trace_id=ID)
    assert (execution, feedback) == (str(ID), str(feedback_id))
    assert client.flush()
    body = server.bodies[execution]
    assert (body["trace_id"], body["user"], body["attributes"]) == (str(ID), str(ID), {"tenant": str(ID)})
    assert body["parameters"] == {"run": str(ID), "all": f'["{ID}"]'}
    assert server.bodies[feedback]["execution_id"] == str(ID)


def test_an_id_of_any_kind_can_be_refused(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    sender = Sender(options("http://ratchet", "k"), lambda: httpx.Client(transport=server.transport()))
    for odd in (5, None, uuid4(), "\ud800"):
        sender.refuse(odd, "odd")  # type: ignore[arg-type]
    assert sender.counters.refused == 4
    assert "<U+D800> was not sent: odd" in caplog.text


def test_a_number_as_an_id_ends_no_thread(client: Ratchet, server: FakeServer) -> None:
    server.refuse = lambda item: "no" if item["id"] == "123" else None
    assert client.record("chat", id=123) == "123"  # type: ignore[arg-type]
    assert client.flush()
    client.record("chat")
    assert client.flush()
    assert (client.counters.refused, client.counters.sent) == (1, 1)


def test_a_default_without_a_target_is_counted_not_raised(
    client: Ratchet, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Who relies on the live version's target gets on without it while the server is away."""
    server.faults = [lambda request: httpx.Response(503)] * 2
    prompt = client.prompt("answer", "Hello")
    assert (prompt.live, prompt.target) == (False, None)
    execution = client.record(prompts=[prompt])
    assert isinstance(execution, str)
    assert client.counters.refused == 1
    assert "nothing names its target" in caplog.text


def test_only_a_record_that_nothing_could_name_raises(client: Ratchet) -> None:
    nothing: list[Any] = [None, [], [None], [{"name": "answer", "version": "1"}]]
    for prompts in nothing:
        with pytest.raises(ValueError, match="target"):
            client.record(prompts=prompts)
    assert client.counters.refused == 0


def test_the_bytes_that_wait_have_a_limit(caplog: pytest.LogCaptureFixture) -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away")

    client = Ratchet("http://ratchet", "k", capacity_bytes=100_000, transport=httpx.MockTransport(away))
    for _ in range(20):
        client.record("chat", output="y" * 20_000)
    assert (client.counters.accepted, client.counters.dropped) == (4, 16)
    assert caplog.text.count("dropped") == 1
    client.close(0.0)


@pytest.mark.parametrize("key", ["kéy", "a\nb", "a\x00", "key\u200b", "ключ"])
def test_a_key_that_no_header_can_hold_is_a_fault(key: str) -> None:
    with pytest.raises(ValueError, match="key may hold printable ASCII only") as found:
        Ratchet("http://ratchet", key)
    assert key not in str(found.value)


def test_space_around_url_and_key_is_none_of_them() -> None:
    found = options(environ={"RATCHET_URL": " http://here/\n", "RATCHET_KEY": "rk_a_b\n"})
    assert (found.url, found.key) == ("http://here", "rk_a_b")
    for blank in ({"RATCHET_URL": "\n", "RATCHET_KEY": "k"}, {"RATCHET_URL": "http://here", "RATCHET_KEY": " "}):
        with pytest.raises(ValueError, match="needs a url and a key"):
            options(environ=blank)


@pytest.mark.parametrize("url", ["http://", "https:///x", "http://[::1", "http://a:b", "ftp://here", "http://a\x00b"])
def test_a_url_that_names_no_server_is_a_fault(url: str) -> None:
    with pytest.raises(ValueError, match="Ratchet's url"):
        Ratchet(url, "k")


def test_defaults_that_change_all_the_time_cost_no_memory_and_are_told_once(
    client: Ratchet, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(120):
        client.record("chat", prompts=[client.prompt("answer", f"Answer question {number}", target="chat")])
        client.record("chat", prompts=[client.prompt(f"other-{number % 2}", "Hello", target="chat")])
    assert client.flush()
    assert len(server.effects) == 240
    eventually_sync(lambda: caplog.text.count("answer had 50 different defaults so far") == 1)
    assert "other" not in caplog.text


def test_what_is_served_live_is_recorded_by_an_iterator_too(client: Ratchet, server: FakeServer) -> None:
    server.push(live_payload("answer", from_text("Hello")))
    execution = client.record(prompts=itertools.repeat(client.prompt("answer"), 1))
    assert client.flush()
    assert server.bodies[execution]["target"] == "chat"
