"""Prompts in a folder: an app that starts while the server is unavailable serves the last verified versions."""

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from ratchet import Ratchet, signing
from ratchet.client.options import read_options
from ratchet.prompt import from_text
from tests.support.eventually import eventually_sync
from tests.support.ratchet_server import PUBLIC, FakeServer, live_payload

NEW, NEWER = from_text("New"), from_text("Newer")


def unavailable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("away", request=request)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "app" / "prompts"


@pytest.fixture
def start(folder: Path) -> Callable[..., Ratchet]:
    """Start a client with the folder; without a server none answers."""

    def start(server: FakeServer | None = None, key: str = "k", public_key: str | None = PUBLIC) -> Ratchet:
        transport = httpx.MockTransport(unavailable) if server is None else server.transport()
        return Ratchet("http://ratchet", key, public_key=public_key, prompt_folder=folder, transport=transport)

    return start


@pytest.fixture(params=[PUBLIC, None], ids=["keys-of-the-app", "keys-of-the-server"])
def public_key(request: pytest.FixtureRequest) -> str | None:
    key: str | None = request.param
    return key


def save(start: Callable[..., Ratchet], payload: dict[str, Any], **arguments: Any) -> None:
    """Let a client receive a live prompt, and end it."""
    server = FakeServer()
    server.live["answer"] = payload
    with start(server, **arguments) as client:
        assert client.prompt("answer", "default").live


def served(client: Ratchet) -> str:
    with client:
        return client.prompt("answer", "default").text()


def test_last_version_is_served_while_the_server_is_unavailable(
    start: Callable[..., Ratchet], folder: Path, public_key: str | None
) -> None:
    assert served(start(public_key=public_key)) == "default"
    save(start, live_payload("answer", NEW), public_key=public_key)
    assert served(start(public_key=public_key)) == "New"
    save(start, live_payload("answer", NEWER, sequence=2), public_key=public_key)
    with start(public_key=public_key) as client:
        prompt = client.prompt("answer", "default")
        assert (prompt.text(), prompt.live, prompt.sequence) == ("Newer", True, 2)
        assert client.prompt("other", "default").text() == "default"
    [file] = folder.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_nothing_is_saved_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_options("http://ratchet", "k", environ={}).prompt_folder is None
    environ = {"RATCHET_PROMPT_FOLDER": str(tmp_path)}
    assert read_options("http://ratchet", "k", environ=environ).prompt_folder == tmp_path
    monkeypatch.chdir(tmp_path)
    server = FakeServer()
    server.live["answer"] = live_payload("answer", NEW)
    with Ratchet("http://ratchet", "k", public_key=PUBLIC, transport=server.transport()) as client:
        assert client.prompt("answer", "default").live
    assert list(tmp_path.iterdir()) == []


def test_version_of_the_server_replaces_the_saved_one(start: Callable[..., Ratchet]) -> None:
    save(start, live_payload("answer", NEW))
    server = FakeServer()
    with start(server) as client:
        server.live["answer"] = live_payload("answer", NEWER, sequence=2)
        assert client.prompt("answer", "default").text() == "Newer"


def test_older_version_than_the_saved_one_is_refused(start: Callable[..., Ratchet]) -> None:
    save(start, live_payload("answer", NEWER, sequence=2))
    server = FakeServer()
    server.live["answer"] = live_payload("answer", NEW, sequence=1)
    with start(server) as client:
        assert client.prompt("answer", "default").text() == "Newer"
        assert client.refused_prompts >= 1  # fetched and pushed, in any order


def test_saved_version_is_forgotten_if_the_server_has_none(start: Callable[..., Ratchet], folder: Path) -> None:
    save(start, live_payload("answer", NEW))
    assert served(start(FakeServer())) == "default"
    assert list(folder.iterdir()) == []


def test_server_that_was_installed_anew_is_believed_where_its_keys_are_pinned(start: Callable[..., Ratchet]) -> None:
    private = signing.new_private_key()
    public = signing.public_key(private)
    save(start, live_payload("answer", NEWER, sequence=9), public_key=None)
    server = FakeServer()
    server.keys = [public]
    payload = live_payload("answer", NEW)
    payload["signature"] = {
        "key_id": signing.key_id(public),
        "value": signing.sign(private, signing.live_bytes(payload)),
    }
    server.live["answer"] = payload
    assert served(start(server, public_key=None)) == "New"
    assert served(start(public_key=None)) == "New"


def test_key_of_another_environment_has_its_own_file(start: Callable[..., Ratchet]) -> None:
    save(start, live_payload("answer", NEW))
    assert served(start(key="other")) == "default"


def write_other_text(file: Path) -> None:
    content = json.loads(file.read_text())
    content["payload"]["document"]["messages"][0]["content"] = "Forged"
    file.write_text(json.dumps(content))


def sign_with_own_key(file: Path) -> None:
    private = signing.new_private_key()
    public = signing.public_key(private)
    payload = live_payload("answer", from_text("Forged"))
    payload["signature"] = {
        "key_id": signing.key_id(public),
        "value": signing.sign(private, signing.live_bytes(payload)),
    }
    file.write_text(json.dumps({"payload": payload, "keys": {signing.key_id(public): public}}))


def move_another_prompt(file: Path) -> None:
    file.write_text(json.dumps({"payload": live_payload("other", NEW), "keys": {signing.key_id(PUBLIC): PUBLIC}}))


SPOILED: dict[str, Callable[[Path], object]] = {
    "another text": write_other_text,
    "another key": sign_with_own_key,
    "another name": move_another_prompt,
    "writable by others": lambda file: file.chmod(0o666),
    "cut short": lambda file: file.write_bytes(file.read_bytes()[:-20]),
    "not JSON": lambda file: file.write_bytes(b"\xff\x00"),
    "another shape": lambda file: file.write_text("[]"),
    "keys that are none": lambda file: file.write_text('{"payload": {}, "keys": 1}'),
    "deeply nested": lambda file: file.write_text("[" * 100_000),
    "too large": lambda file: os.truncate(file, 3_000_000),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_spoiled_file_is_not_served(
    start: Callable[..., Ratchet], folder: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], object]
) -> None:
    save(start, live_payload("answer", NEW))
    [file] = folder.iterdir()
    spoil(file)
    with caplog.at_level(logging.WARNING, "ratchet"):
        assert served(start()) == "default"
    assert any("is not used" in line or "is not served" in line for line in caplog.messages)


def test_folder_that_cannot_be_written_is_logged_once_and_stops_nothing(
    start: Callable[..., Ratchet], folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder.parent.mkdir()
    folder.write_text("a file")
    server = FakeServer()
    server.live["answer"] = live_payload("answer", NEW)
    with caplog.at_level(logging.WARNING, "ratchet"), start(server) as client:
        assert client.prompt("answer", "default").text() == "New"
        eventually_sync(lambda: server.connected("answer"))
        server.push(live_payload("answer", NEWER, sequence=2))
        eventually_sync(lambda: client.prompt("answer", "default").text() == "Newer")
    assert sum("are not saved" in line for line in caplog.messages) == 1
