"""Prompts through the whole client: default, live, pushed, verified, outdated."""

import asyncio
import json
import logging
import os
import re
import socket
import threading
import time
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from ratchet import AsyncRatchet, NoPrompt, Ratchet, signing
from ratchet.prompt import PromptError, example_set_digest, from_text, parse
from tests.support.eventually import eventually, eventually_sync
from tests.support.prompts import minimal
from tests.support.ratchet_server import PUBLIC, FakeServer, live_payload

OLD, NEW = from_text("Old"), from_text("New")


def serves(client: Ratchet, name: str, digest: str) -> bool:
    return client.prompt(name, "default").digest == digest


def pushed_and_refused(client: Ratchet, server: FakeServer, payload: dict[str, Any]) -> bool:
    """Push until one is rejected: events pushed while the client reconnects are lost."""
    before = client.refused_prompts
    server.push(payload, keep=False)
    eventually_sync(lambda: client.refused_prompts > before, within=2)
    return True


def test_default_is_served_until_a_version_is_live(client: Ratchet, server: FakeServer) -> None:
    served = client.prompt("answer", "Hello {{name}}", target="chat")
    assert (served.live, served.digest) == (False, from_text("Hello {{name}}").digest)
    assert served.render(name="Ada") == [{"role": "system", "content": "Hello Ada"}]
    eventually_sync(lambda: server.connected("answer"))
    server.push(live_payload("answer", NEW))
    eventually_sync(lambda: client.prompt("answer", "Hello {{name}}").live)
    served = client.prompt("answer", "Hello {{name}}")
    assert (served.text(name="Ada"), served.target, served.sequence) == ("New", "chat", 1)


def test_stream_request_identifies_the_client(server: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "wäb_1.example")
    for _ in range(2):
        with Ratchet("http://ratchet", "k", public_key=PUBLIC, transport=server.transport()) as ratchet:
            ratchet.prompt("answer", "default")
            eventually_sync(lambda: server.connected("answer"))
    asked = [request for request in server.requests if request.url.path == "/v1/stream"]
    names = {request.headers["x-ratchet-instance"] for request in asked}
    assert len(names) == 2
    assert all(re.fullmatch(rf"w-b-1\.example-{os.getpid()}-[0-9a-f]{{4}}", name) for name in names)


def test_first_call_serves_the_live_version(client: Ratchet, server: FakeServer) -> None:
    server.push(live_payload("answer", NEW))
    assert client.prompt("answer", "default").digest == NEW.digest
    server.push(live_payload("other", OLD))
    assert client.prompt("other").digest == OLD.digest


def test_prompt_is_read_once_and_then_pushed(client: Ratchet, server: FakeServer) -> None:
    client.prompt("answer", "default")
    eventually_sync(lambda: server.connected("answer"))
    for sequence in range(1, 11):
        version = from_text(f"Version {sequence}")
        server.push(live_payload("answer", version, sequence=sequence))
        eventually_sync(partial(serves, client, "answer", version.digest))
    assert (server.count("/v1/prompts/answer"), server.count("/v1/stream")) == (1, 1)


def test_one_connection_carries_all_names(client: Ratchet, server: FakeServer) -> None:
    for name in ("a", "b", "c"):
        client.prompt(name, "default")
    eventually_sync(lambda: server.connected("a") and server.connected("b") and server.connected("c"))
    for name in ("a", "b", "c"):
        server.push(live_payload(name, NEW))
        eventually_sync(partial(serves, client, name, NEW.digest))
    assert server.count("/v1/prompts/a") == 1


def test_unverified_prompt_is_not_served(client: Ratchet, server: FakeServer, caplog: pytest.LogCaptureFixture) -> None:
    server.push(live_payload("answer", OLD, 5))
    assert client.prompt("answer").digest == OLD.digest
    eventually_sync(lambda: server.connected("answer"))
    forged = {**live_payload("answer", NEW, 6), "signature": {"key_id": signing.key_id(PUBLIC), "value": "AAAA"}}
    elsewhere = live_payload("answer", NEW, 7, environment="staging")
    for payload in (forged, live_payload("answer", NEW, 4), elsewhere):
        eventually_sync(partial(pushed_and_refused, client, server, payload))
        assert client.prompt("answer").digest == OLD.digest
    for reason in ("signature is invalid", "sequence 4 is lower than 5", "another environment"):
        assert reason in caplog.text


def test_servers_key_is_pinned_at_first_use(server: FakeServer) -> None:
    server.push(live_payload("answer", OLD))
    with Ratchet("http://ratchet", "k", transport=server.transport()) as client:
        assert client.prompt("answer").digest == OLD.digest
        server.keys = [signing.public_key(signing.new_private_key())]
        client.prompt("other", "default")
        eventually_sync(lambda: server.connected("other"))
        assert server.count("/v1/signing-keys") == 1


def test_client_reconnects_and_catches_up(client: Ratchet, server: FakeServer) -> None:
    server.push(live_payload("answer", OLD, 1))
    client.prompt("answer")
    eventually_sync(lambda: server.connected("answer"))
    server.faults = [lambda request: httpx.Response(503)] * 2
    server.live["answer"] = live_payload("answer", NEW, 2)
    server.disconnect()
    assert client.prompt("answer").digest == OLD.digest
    eventually_sync(lambda: client.prompt("answer").digest == NEW.digest)


@pytest.mark.parametrize("rubbish", ["not json", "[]", "null", '{"name": "answer"}', "{}"])
def test_malformed_push_is_ignored(client: Ratchet, server: FakeServer, rubbish: str) -> None:
    client.prompt("answer", "default")
    eventually_sync(lambda: server.connected("answer"))
    for stream in server.streams:
        stream.put(f"event: prompt\ndata: {rubbish}\n\n".encode())
    server.push(live_payload("answer", NEW))
    eventually_sync(lambda: client.prompt("answer", "default").live)


def test_unavailable_server_costs_no_time_and_raises_nothing() -> None:
    def fail_to_connect(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("away")

    with Ratchet(
        "http://ratchet", "k", first_wait=6_000, transport=httpx.MockTransport(fail_to_connect)
    ) as client:  # longer than the test's own duration
        assert not client.prompt("answer", "default").live
        with pytest.raises(NoPrompt):
            client.prompt("other")


def test_a_silent_server_is_waited_for_once() -> None:
    async def silent(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    with Ratchet("http://ratchet", "k", first_wait=0.2, transport=httpx.MockTransport(silent)) as client:
        began = time.monotonic()
        for _ in range(5_000):  # waiting that often would exceed the test's own duration
            assert not client.prompt("answer", "default").live
        assert time.monotonic() - began >= 0.2


def test_a_default_can_be_a_document_a_prompt_or_a_file(client: Ratchet, tmp_path: Path) -> None:
    document, text = tmp_path / "answer.json", tmp_path / "answer.txt"
    document.write_text(json.dumps(OLD.to_dict()), "utf-8")
    text.write_text("Old", "utf-8")
    for default in (OLD, OLD.to_dict(), document, text, "Old"):
        assert client.prompt("answer", default).prompt == OLD


def test_invalid_default_raises(client: Ratchet, tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="messages"):
        client.prompt("answer", {"schema": "ratchet.prompt/1"})
    with pytest.raises(FileNotFoundError):
        client.prompt("answer", tmp_path / "none.txt")


def test_served_examples_are_rendered(client: Ratchet, server: FakeServer) -> None:
    examples = [{"input": "1+1?", "output": "2"}]
    slots = {"few": {"set": example_set_digest(examples)}}
    prompt = parse(minimal(messages=[{"slot": "few"}, {"role": "user", "content": "2+2?"}], slots=slots))
    server.push(live_payload("answer", prompt, examples={"few": examples}))
    assert [message["content"] for message in client.prompt("answer").render()] == ["1+1?", "2", "2+2?"]


def test_document_of_a_live_prompt_is_not_sent(client: Ratchet, server: FakeServer) -> None:
    server.push(live_payload("answer", NEW))
    execution = client.record(prompts=[client.prompt("answer")])
    assert client.flush()
    assert server.bodies[execution]["prompts"] == [{"name": "answer", "digest": NEW.digest}]
    assert server.bodies[execution]["target"] == "chat"


def test_version_with_undeclared_variables_is_not_served(
    client: Ratchet, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.push(live_payload("answer", from_text("Hello {{name}} of {{city}}")))
    for _ in range(3):
        served = client.prompt("answer", "Hello {{name}}")
        assert (served.live, served.text(name="Ada")) == (False, "Hello Ada")
    assert client.refused_prompts == 1, "counted once"
    assert "of answer is not served: unlike the app's default it needs the variable city" in caplog.text
    execution = client.record(prompts=[served])
    assert client.flush()
    assert server.bodies[execution]["prompts"][0]["digest"] == from_text("Hello {{name}}").digest
    assert server.bodies[execution]["target"] == "chat", "the live version's"
    assert client.prompt("answer", "Hello {{name}} of {{city}}").live, (
        "it is served once the default declares the variable"
    )


def test_log_handler_that_requests_the_prompt_does_not_deadlock(client: Ratchet, server: FakeServer) -> None:
    class PromptRequestingHandler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            client.prompt("answer", "Hello {{name}}")

    asking = PromptRequestingHandler()
    logging.getLogger("ratchet").addHandler(asking)
    try:
        server.push(live_payload("answer", from_text("Hello {{name}} of {{city}}")))
        assert not client.prompt("answer", "Hello {{name}}").live
    finally:
        logging.getLogger("ratchet").removeHandler(asking)


def test_variable_removed_by_an_edit_is_ignored(
    client: Ratchet, server: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.push(live_payload("answer", from_text("Hello")))
    for _ in range(3):
        served = client.prompt("answer", "Hello {{name}}")
        assert (served.live, served.text(name="Ada")) == (True, "Hello")
    assert caplog.text.count("does not use name of the app's default") == 1
    assert client.refused_prompts == 0
    with pytest.raises(PromptError, match="nmae"):
        served.render(nmae="Ada")
    with pytest.raises(PromptError, match="name"):
        client.prompt("answer").render(name="Ada")


def test_a_closed_client_still_serves(server: FakeServer) -> None:
    server.push(live_payload("answer", NEW))
    client = Ratchet("http://ratchet", "k", public_key=PUBLIC, transport=server.transport())
    client.prompt("answer")
    client.close()
    assert client.prompt("answer").live
    assert not client.prompt("new", "default").live


async def test_async_client_behaves_the_same(server: FakeServer) -> None:
    server.push(live_payload("answer", OLD))
    async with AsyncRatchet("http://ratchet", "k", public_key=PUBLIC, transport=server.transport()) as client:
        prompt = await client.prompt("answer", "default")
        assert prompt.digest == OLD.digest
        execution = client.record(prompts=[prompt])
        feedback = client.feedback(execution, kind="label", value="helpful")
        assert await client.flush()
        assert server.effects == {execution: 1, feedback: 1}
        await eventually(lambda: server.connected("answer"))
        server.push(live_payload("answer", NEW, 2))

        async def served() -> bool:
            return (await client.prompt("answer")).digest == NEW.digest

        await eventually(served)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ratchet-")]


async def test_waiting_does_not_block_the_event_loop() -> None:
    async def silent(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with AsyncRatchet("http://ratchet", "k", first_wait=0.2, transport=httpx.MockTransport(silent)) as client:
        turns = 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        other = asyncio.create_task(others())
        assert not (await client.prompt("answer", "default")).live
        other.cancel()
        assert turns > 10
