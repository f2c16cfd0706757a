"""Values passed by apps: no value raises, and what cannot be sent is counted."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet import Ratchet
from ratchet.client import recorded_items as items
from ratchet.client.options import read_options
from ratchet.client.recorded_items import ExecutionFields
from ratchet.client.sender import Sender
from ratchet.prompt import from_text
from tests.support.eventually import eventually_sync
from tests.support.ratchet_server import FakeServer, live_payload

ID = UUID("00000000-0000-4000-8000-000000000001")


class Changing(dict[str, object]):
    """A dict that another thread changes continuously."""

    def items(self) -> Any:
        raise RuntimeError("dictionary changed size during iteration")


class Broken:
    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("broken")


@pytest.fixture
def client(server: FakeServer) -> Iterator[Ratchet]:
    with Ratchet("http://ratchet", "k", transport=server.transport()) as ratchet:
        yield ratchet


@pytest.mark.parametrize("fields", [{"parameters": None}, {"attributes": None}, {"prompts": None}, {"prompts": [None]}])
def test_none_equals_absence(client: Ratchet, server: FakeServer, fields: dict[str, Any]) -> None:
    execution = client.record("chat", **fields)
    assert client.flush()
    assert server.bodies[execution].keys() == {"id", "target", "prompts", "occurred_at"}
    assert server.bodies[execution]["prompts"] == []


class Ambiguous:
    """Like an array or pandas.NA: its truth value raises."""

    def __bool__(self) -> bool:
        raise ValueError("the truth value is ambiguous")


@pytest.mark.parametrize("target", [Ambiguous(), object(), [1], float("nan"), True])
def test_invalid_target_is_counted_and_not_raised(
    client: Ratchet, caplog: pytest.LogCaptureFixture, target: Any
) -> None:
    client.record(target, input="i", output="o")
    assert client.flush()
    assert "was not sent" in caplog.text


@pytest.mark.parametrize("name", ["NAType", "NaTType"])
def test_missing_value_of_pandas_equals_absence(client: Ratchet, server: FakeServer, name: str) -> None:
    missing = type(name, (Ambiguous,), {})()
    execution = client.record("chat", input="i", user=missing, attributes={"a": missing, "b": 1})
    assert client.flush()
    assert "user" not in server.bodies[execution]
    assert server.bodies[execution]["attributes"].get("b") == 1


ODD_FIELDS: list[dict[str, Any]] = [
    {"attributes": [1]},
    {"attributes": {"a": object()}},
    {"attributes": {"a": float("nan")}},
    {"usage": Changing(a=1)},
    {"parameters": {"nested": Changing(a=1)}},
    {"parameters": 5},
    {"input": b"\xff"},
    {"output": object()},
    {"cost": float("nan")},
    {"cost": -0.1},
    {"cost": "cheap"},
    {"cost": True},
    {"latency_ms": Decimal("Infinity")},
    {"scores": {"s": "good"}},
    {"user": True},
    {"user": ["ann"]},
    {"trace_id": 1.5},
    {"contexts": 5},
    {"contexts": [object()]},
    {"tools": [{}]},
    {"consent": {"learning": "yes"}},
    {"consent": 5},
    {"prompts": [from_text("Hello")]},
    {"prompts": 5},
    {"prompts": [{"version": 1}]},
    {"prompts": Broken()},
    {"occurred_at": "now"},
    {"occurred_at": 5},
    {"unknown": 1},
]


@pytest.mark.parametrize("fields", ODD_FIELDS)
def test_invalid_field_is_omitted_and_the_rest_sent(
    client: Ratchet, server: FakeServer, fields: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    execution = client.record("chat", **{"output": "fine", "model": "m", **fields})
    client.record("chat", **{"output": "fine", **fields})
    assert client.flush()
    assert server.bodies[execution]["model"] == "m"
    assert (client.counters.sent, client.counters.refused, client.counters.dropped_fields) == (2, 0, 2)
    assert caplog.text.count("was left out") == 1, "one log line per field"


@pytest.mark.parametrize("consent", [{"learning": "yes"}, {"sell": True}, 5, [True]])
def test_unreadable_consent_permits_nothing(client: Ratchet, server: FakeServer, consent: Any) -> None:
    execution = client.record("chat", consent=consent)
    assert client.flush()
    assert server.bodies[execution]["consent"] == {"quality": False, "learning": False}


class Level(Enum):
    HIGH = "high"


@dataclass
class Usage:
    prompt_tokens: int
    details: object = None


class Model:
    def model_dump(self) -> dict[str, object]:
        return {"role": "assistant", "content": "Hi", "tool_calls": None}


class Scalar:
    """Like numpy's scalars."""

    def __init__(self, value: object) -> None:
        self._value = value

    def tolist(self) -> object:
        return self._value


MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]

MEANT: list[tuple[str, Any, Any]] = [
    ("input", MESSAGES, MESSAGES),
    ("input", tuple(MESSAGES), MESSAGES),
    ("input", b"caf\xc3\xa9", "café"),
    ("input", 5, "5"),
    ("input", "a\0b\ud800", "a\ufffdb\ufffd"),
    ("output", Model(), {"role": "assistant", "content": "Hi", "tool_calls": None}),
    ("output", {"answer": Decimal("4.5")}, {"answer": 4.5}),
    ("usage", {"prompt_tokens": 1, "completion_tokens": 2}, {"prompt_tokens": 1, "completion_tokens": 2}),
    ("usage", Usage(3, {"cached": 1, "text": "x"}), {"prompt_tokens": 3, "details": {"cached": 1}}),
    ("usage", SimpleNamespace(input_tokens=3.0, service_tier="x"), {"input_tokens": 3}),
    ("usage", {"input_tokens": Scalar(4), "output_tokens": None}, {"input_tokens": 4}),
    ("user", 12345, "12345"),
    ("user", Scalar(7), "7"),
    ("user", 12345.0, "12345"),
    ("user", ID, str(ID)),
    ("session", Level.HIGH, "high"),
    ("model", Level.HIGH, "high"),
    ("cost", Decimal("0.0012"), 0.0012),
    ("cost", Scalar(0.5), 0.5),
    ("cost", "0.5", 0.5),
    ("latency_ms", timedelta(seconds=1.5), 1500.0),
    ("scores", {"a": Scalar(0.5), "b": None, "c": True, "d": Decimal(1)}, {"a": 0.5, "c": 1.0, "d": 1.0}),
    (
        "attributes",
        {"none": None, "day": date(2026, 5, 1), "level": Level.HIGH, "nested": {"a": [1, None]}, 5: Scalar(True)},
        {"day": "2026-05-01", "level": "high", "nested": '{"a":[1,null]}', "5": True},
    ),
    ("attributes", {"big": 2**70, "path": Path("/a/b"), "set": {1}}, {"big": str(2**70), "path": "/a/b", "set": "[1]"}),
    ("contexts", "one text", ["one text"]),
    ("contexts", iter(["a", None, {"page_content": "b", "metadata": {}}]), ["a", "b"]),
    ("tools", [{"type": "function", "function": {"name": "search"}}, {"name": "b"}, len], ["search", "b", "len"]),
    ("consent", {"learning": Scalar(True), "quality": None}, {"learning": True, "quality": None}),
    ("prompts", {"name": "answer", "version": 7}, [{"name": "answer", "version": "7"}]),
    ("prompts", "answer", [{"name": "answer"}]),
    ("occurred_at", datetime(2026, 5, 1, tzinfo=UTC), "2026-05-01T00:00:00+00:00"),
    ("occurred_at", "2026-05-01T08:00:00Z", "2026-05-01T08:00:00+00:00"),
    ("occurred_at", 1_778_011_020, "2026-05-05T19:57:00+00:00"),
    ("occurred_at", 1_778_011_020_123, "2026-05-05T19:57:00.123000+00:00"),
    ("occurred_at", datetime(2026, 5, 1), datetime(2026, 5, 1).astimezone().isoformat()),
]


@pytest.mark.parametrize(("field", "value", "sent"), MEANT)
def test_values_with_an_obvious_meaning_are_converted(
    client: Ratchet, server: FakeServer, field: str, value: Any, sent: Any
) -> None:
    execution = client.record("chat", **{field: value})
    assert client.flush()
    assert server.bodies[execution][field] == sent
    assert client.counters.dropped_fields == 0


@pytest.mark.parametrize("own", [42, 0, 42.0, ID, Scalar(42), Level.HIGH, "42"])
def test_an_id_is_the_same_in_record_and_feedback(client: Ratchet, server: FakeServer, own: Any) -> None:
    execution = client.record("chat", id=own)
    feedback = client.feedback(own, kind="thumb", value=True)
    assert client.flush()
    assert server.bodies[feedback]["execution_id"] == server.bodies[execution]["id"] == execution


def test_feedback_id_of_the_app_maps_to_a_fixed_uuid(client: Ratchet) -> None:
    ids = [client.feedback("e", kind="thumb", value=True, id=own) for own in (42, "42", 43, ID)]
    assert ids[0] == ids[1] != ids[2]
    assert UUID(ids[0])
    assert ids[3] == str(ID)


@pytest.mark.parametrize(
    ("kind", "value", "sent"),
    [("thumb", 1, True), ("thumb", 0, False), ("thumb", -1, False), ("thumb", Scalar(True), True),
     ("thumb", "up", "up"), ("rating", "4", 4.0), ("rating", Decimal(4), 4.0), ("score", True, 1.0), ("label", 5, "5"),
     ("label", Level.HIGH, "high"), ("comment", b"ok", "ok")],
)  # fmt: skip
def test_values_of_feedback_are_converted(
    client: Ratchet, server: FakeServer, kind: Any, value: Any, sent: Any
) -> None:
    feedback = client.feedback("e", kind=kind, value=value, name="n")
    assert client.flush()
    assert server.bodies[feedback]["value"] == sent


def test_comment_is_sent_beside_a_value_or_left_out(client: Ratchet, server: FakeServer) -> None:
    kept = client.feedback("e", kind="thumb", value=False, comment="rude\nand long")
    without = [client.feedback("e", kind="rating", value=2, comment=comment) for comment in (None, " \n", "x" * 20_001)]
    text = client.feedback("e", kind="correction", value="better so", comment="and more")
    assert client.flush()
    assert server.bodies[kept]["comment"] == "rude\nand long"
    assert [server.bodies[each]["value"] for each in (*without, text)] == [2, 2, 2, "better so"]
    assert all("comment" not in server.bodies[each] for each in (*without, text))
    assert client.counters.dropped_fields == 2


@pytest.mark.parametrize("value", [object(), float("nan"), "four"])
def test_feedback_without_a_value_is_rejected_and_counted(
    client: Ratchet, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(client.feedback("e", kind="rating", value=value), str)
    assert client.flush()
    assert (client.counters.refused, client.counters.accepted) == (1, 1)
    assert "was not sent" in caplog.text


@given(
    st.dictionaries(
        st.sampled_from(sorted(ExecutionFields.__annotations__)),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes()
            | st.decimals() | st.uuids() | st.timedeltas() | st.builds(object),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=5,
        ),
        max_size=6,
    )
)  # fmt: skip
def test_execution_is_sent_with_any_field_values(fields: dict[str, Any]) -> None:
    item = items.execution("1", "chat", (), fields, datetime(2026, 5, 1, tzinfo=UTC))
    assert json.loads(item.encode().encoded)["target"] == "chat"


def test_uuids_are_sent_as_text(client: Ratchet, server: FakeServer) -> None:
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


def test_id_of_any_type_can_be_rejected(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    sender = Sender(read_options("http://ratchet", "k"), lambda: httpx.Client(transport=server.transport()))
    for odd in (5, None, uuid4(), "\ud800"):
        sender.refuse(odd, "odd")  # type: ignore[arg-type]
    assert sender.counters.refused == 4
    assert "<U+D800> was not sent: odd" in caplog.text


def test_a_number_as_an_id_ends_no_thread(client: Ratchet, server: FakeServer) -> None:
    server.refuse = lambda item: "no" if item["id"] == "123" else None
    assert client.record("chat", id=123) == "123"
    assert client.flush()
    client.record("chat")
    assert client.flush()
    assert (client.counters.refused, client.counters.sent) == (1, 1)


def test_missing_target_with_a_default_is_counted_and_not_raised(
    client: Ratchet, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    """An app that uses the live version's target still runs while the server is unavailable."""
    server.faults = [lambda request: httpx.Response(503)] * 2
    prompt = client.prompt("answer", "Hello")
    assert (prompt.live, prompt.target) == (False, None)
    execution = client.record(prompts=[prompt])
    assert isinstance(execution, str)
    assert client.counters.refused == 1
    assert "target is missing" in caplog.text


def test_only_a_record_without_any_target_raises(client: Ratchet) -> None:
    nothing: list[Any] = [None, [], [None], [{"name": "answer", "version": "1"}]]
    for prompts in nothing:
        with pytest.raises(ValueError, match="target"):
            client.record(prompts=prompts)
    assert client.counters.refused == 0


def test_pending_bytes_are_limited(caplog: pytest.LogCaptureFixture) -> None:
    def fail_to_connect(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away")

    client = Ratchet("http://ratchet", "k", capacity_bytes=100_000, transport=httpx.MockTransport(fail_to_connect))
    for _ in range(20):
        client.record("chat", output="y" * 20_000)
    assert (client.counters.accepted, client.counters.dropped) == (4, 16)
    assert caplog.text.count("dropped") == 1
    client.close(0.0)


@pytest.mark.parametrize("key", ["kéy", "a\nb", "a\x00", "key\u200b", "ключ"])
def test_key_invalid_in_a_header_raises(key: str) -> None:
    with pytest.raises(ValueError, match="RATCHET_KEY must contain printable ASCII") as found:
        Ratchet("http://ratchet", key)
    assert key not in str(found.value)


def test_whitespace_around_url_and_key_is_ignored() -> None:
    found = read_options(environ={"RATCHET_URL": " http://here/\n", "RATCHET_KEY": "rk_a_b\n"})
    assert (found.url, found.key) == ("http://here", "rk_a_b")
    for blank in ({"RATCHET_URL": "\n", "RATCHET_KEY": "k"}, {"RATCHET_URL": "http://here", "RATCHET_KEY": " "}):
        with pytest.raises(ValueError, match="is not set"):
            read_options(environ=blank)
    with pytest.raises(ValueError, match=r"^RATCHET_URL and RATCHET_KEY are not set: set them, or pass url and key"):
        read_options(environ={})


@pytest.mark.parametrize("url", ["http://", "https:///x", "http://[::1", "http://a:b", "ftp://here", "http://a\x00b"])
def test_url_without_a_host_raises(url: str) -> None:
    with pytest.raises(ValueError, match="RATCHET_URL"):
        Ratchet(url, "k")


def test_varying_defaults_cost_no_memory_and_are_logged_once(
    client: Ratchet, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(120):
        client.record("chat", prompts=[client.prompt("answer", f"Answer question {number}", target="chat")])
        client.record("chat", prompts=[client.prompt(f"other-{number % 2}", "Hello", target="chat")])
    assert client.flush()
    assert len(server.effects) == 240
    eventually_sync(lambda: caplog.text.count("answer had 50 different defaults so far") == 1)
    assert "other" not in caplog.text


def test_live_version_is_recorded_with_an_iterator_of_prompts(client: Ratchet, server: FakeServer) -> None:
    server.push(live_payload("answer", from_text("Hello")))
    execution = client.record(prompts=itertools.repeat(client.prompt("answer"), 1))
    assert client.flush()
    assert server.bodies[execution]["target"] == "chat"
