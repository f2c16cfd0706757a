"""Recording and feedback through the whole client, with an in-memory server."""

import json
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from ratchet import Ratchet
from ratchet.client.options import read_options
from ratchet.prompt import from_text
from tests.support.eventually import eventually_sync
from tests.support.ratchet_server import PUBLIC, FakeServer


@pytest.fixture
def client(server: FakeServer) -> Iterator[Ratchet]:
    with Ratchet("http://ratchet", "rk_k_s", public_key=PUBLIC, transport=server.transport()) as ratchet:
        yield ratchet


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("ratchet-")]


def test_an_execution_and_its_feedback_arrive(client: Ratchet, server: FakeServer) -> None:
    execution = client.record(
        "chat",
        prompts=[{"name": "answer", "version": "v7"}],
        input="Why?",
        parameters={"temperature": 0.1, "stop": ["\n"]},
        usage={"input_tokens": 3},
        consent={"learning": True},
    )
    feedback = client.feedback(execution, kind="thumb", value=True, user="u1")
    assert client.flush()
    recorded, sent_feedback = server.bodies[execution], server.bodies[feedback]
    assert recorded.pop("occurred_at")
    assert recorded == {
        "id": execution,
        "target": "chat",
        "prompts": [{"name": "answer", "version": "v7"}],
        "input": "Why?",
        "parameters": {"temperature": 0.1, "stop": '["\\n"]'},
        "usage": {"input_tokens": 3},
        "consent": {"learning": True},
    }
    assert sent_feedback.pop("occurred_at")
    assert sent_feedback == {"id": feedback, "execution_id": execution, "kind": "thumb", "value": True, "user": "u1"}
    assert server.requests[0].headers["authorization"] == "Bearer rk_k_s"


def test_an_execution_is_completed_under_its_id(client: Ratchet, server: FakeServer) -> None:
    execution = client.record("chat", input="Why?")
    assert client.flush()
    client.complete(execution, "chat", output="42", latency_ms=7)
    assert client.flush()
    (completed,) = json.loads(server.requests[-1].content)
    assert {name: completed[name] for name in ("id", "target", "output", "latency_ms")} == {
        "id": execution,
        "target": "chat",
        "output": "42",
        "latency_ms": 7,
    }
    with pytest.raises(ValueError, match="target"):
        client.complete(execution, output="42")


def test_client_waits_and_retries_after_exceeding_a_quota(client: Ratchet, server: FakeServer) -> None:
    server.faults = [lambda request: httpx.Response(429, headers={"retry-after": "0"}, json={"code": "quota-exceeded"})]
    execution = client.record("chat")
    assert client.flush()
    assert server.effects == {execution: 1}
    assert (client.counters.sent, client.counters.retries) == (1, 1)


def test_items_with_lost_responses_count_once(client: Ratchet, server: FakeServer) -> None:
    server.lost_answers = 2
    server.faults = [lambda request: httpx.Response(503), lambda request: httpx.Response(401)]
    ids = [client.record("chat") for _ in range(20)]
    assert client.flush()
    assert server.effects == dict.fromkeys(ids, 1)
    assert (client.counters.sent, client.counters.retries) == (20, 4)


def test_many_threads_lose_nothing(client: Ratchet, server: FakeServer) -> None:
    ids: list[str] = []

    def app() -> None:
        ids.extend(client.feedback("e1", kind="rating", value=4) for _ in range(100))

    apps = [threading.Thread(target=app) for _ in range(8)]
    for thread in apps:
        thread.start()
    for thread in apps:
        thread.join()
    assert client.flush()
    assert server.effects == dict.fromkeys(ids, 1)
    assert len(server.effects) == 800
    assert server.count("/v1/feedback") < 800


def test_rejected_item_is_reported_and_not_retried(
    client: Ratchet, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.refuse = lambda item: "value: must be 1 to 5\x1b[2J" if item["value"] == 9 else None
    good, bad = (client.feedback("e", kind="rating", value=value) for value in (5, 9))
    assert client.flush()
    assert list(server.effects) == [good]
    assert (client.counters.sent, client.counters.refused) == (1, 1)
    assert f"feedback {bad} was refused: value: must be 1 to 5<U+001B>[2J" in caplog.text


def test_unreadable_item_does_not_affect_others(client: Ratchet, server: FakeServer) -> None:
    def unreadable(request: httpx.Request) -> httpx.Response | None:
        server.faults.append(unreadable)
        if b'"poison"' in request.content:
            return httpx.Response(400, json={"detail": "NUL"})
        return None

    server.faults = [unreadable]
    ids = [client.record("poison" if number == 5 else "chat") for number in range(12)]
    assert client.flush()
    assert server.effects == dict.fromkeys(ids[:5] + ids[6:], 1)
    assert client.counters.refused == 1


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", object(), {1, 2}])
def test_value_without_json_form_is_counted_and_raises_nothing(
    client: Ratchet, value: object, caplog: pytest.LogCaptureFixture
) -> None:
    client.feedback("e", kind="score", name="s", value=value)
    assert client.flush()
    assert (client.counters.accepted, client.counters.refused) == (1, 1)
    assert "was not sent" in caplog.text


def test_a_record_needs_a_target(client: Ratchet) -> None:
    with pytest.raises(ValueError, match="target"):
        client.record()


def test_default_document_is_sent_once(client: Ratchet, server: FakeServer) -> None:
    prompt = client.prompt("answer", "Answer {{question}}", target="chat")
    first = client.record(prompts=[prompt])
    assert client.flush()
    second = client.record(prompts=[prompt])
    assert client.flush()
    document = from_text("Answer {{question}}")
    use = {"name": "answer", "digest": document.digest}
    assert server.bodies[first]["target"] == "chat"
    assert server.bodies[first]["prompts"] == [{**use, "document": document.to_dict()}]
    assert server.bodies[second]["prompts"] == [use]


def test_full_queue_drops_the_newest_and_logs_once(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    release = threading.Event()

    def block(request: httpx.Request) -> None:
        release.wait(60)

    server.faults = [block]
    with Ratchet("http://ratchet", "k", capacity=3, transport=server.transport()) as client:
        kept = [client.record("chat") for _ in range(3)]
        for _ in range(5):
            client.record("chat")
        assert client.counters.dropped == 5
        release.set()
        assert client.flush()
    assert sorted(server.effects) == sorted(kept)
    assert caplog.text.count("dropped") == 1


def test_close_sends_pending_items_and_ends_the_threads(server: FakeServer) -> None:
    client = Ratchet("http://ratchet", "k", transport=server.transport())
    assert threads() == []
    ids = [client.record("chat") for _ in range(1200)]
    client.prompt("answer", "x")
    assert sorted(threads()) == ["ratchet-sender", "ratchet-stream"]
    assert client.close()
    assert server.effects == dict.fromkeys(ids, 1)
    eventually_sync(lambda: threads() == [])
    client.record("chat")
    assert client.counters.dropped == 1
    assert client.close()


def test_close_without_a_server_ends_at_the_deadline(server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    def fail_to_connect(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away")

    client = Ratchet("http://ratchet", "k", transport=httpx.MockTransport(fail_to_connect))
    client.record("chat")
    assert not client.close(timeout=0.2)
    assert client.counters.abandoned == 1
    assert "1 items unsent" in caplog.text


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork.*:DeprecationWarning")
def test_forked_child_sends_only_its_own_items(server: FakeServer, tmp_path: Path) -> None:
    client = Ratchet("http://ratchet", "k", transport=server.transport())
    hold = threading.Event()

    def held(request: httpx.Request) -> None:
        hold.wait(60)

    server.faults = [held]
    mine = client.record("chat")
    child = os.fork()
    if child == 0:
        server.effects.clear()
        server.faults.clear()
        theirs = client.record("chat")
        good = client.flush() and dict(server.effects) == {theirs: 1}
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    hold.set()
    assert client.close()
    assert dict(server.effects) == {mine: 1}


def test_options_come_from_the_environment() -> None:
    environ = {
        "RATCHET_URL": "http://here/",
        "RATCHET_KEY": "k",
        "RATCHET_PUBLIC_KEY": "a, b,",
        "RATCHET_PROJECT": "p",
        "RATCHET_ENVIRONMENT": "e",
    }
    found = read_options(environ=environ)
    assert (found.url, found.key, found.public_keys) == ("http://here", "k", ("a", "b"))
    assert (found.project, found.environment) == ("p", "e")
    assert read_options("https://there", public_key="c", environ=environ).public_keys == ("c",)


@pytest.mark.parametrize("environ", [{}, {"RATCHET_URL": "http://x"}, {"RATCHET_URL": "x", "RATCHET_KEY": "k"}])
def test_client_without_url_raises(environ: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"RATCHET_URL|RATCHET_KEY"):
        read_options(environ=environ)


def test_nothing_is_logged_without_errors(client: Ratchet, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "ratchet")
    client.record("chat")
    assert client.flush()
    assert caplog.text == ""
