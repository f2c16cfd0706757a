"""`ratchet keys`: what is sent, and that a secret is printed alone on stdout."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import Result

from tests.support.command_line import run_command
from tests.support.ratchet_server import FakeServer

ORIGINS = ["https://shop.example", "http://localhost:5173"]
KEY: dict[str, Any] = {"id": "k1", "subject": "web", "scopes": ["browser-ingest"], "origins": ORIGINS}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: fake.answer(request))
    monkeypatch.setenv("RATCHET_URL", "http://ratchet")
    monkeypatch.setenv("RATCHET_KEY", "rk_k_s")
    monkeypatch.chdir(tmp_path)
    fake.pages = {
        "GET /v1/keys": {"items": [{**KEY, "kind": "service"}], "next": None},
        "POST /v1/keys": {**KEY, "key": "rk_k1_secret"},
        "POST /v1/keys/k1/revoke": {"id": "k1", "revoked": True},
    }
    return fake


def run(*arguments: str) -> Result:
    return run_command("keys", *arguments)


def test_list_shows_scopes_and_origins(server: FakeServer) -> None:
    shown = run("list")
    assert shown.exit_code == 0
    assert " ".join(ORIGINS) in shown.stdout
    assert json.loads(run("list", "--json").stdout)["items"][0]["id"] == "k1"


def test_key_is_issued_with_origins_and_printed_alone(server: FakeServer) -> None:
    origins = [part for origin in ORIGINS for part in ("--origin", origin)]
    done = run("issue", "web", "--scope", "browser-ingest", *origins, "--yes")
    assert (done.exit_code, done.stdout) == (0, "rk_k1_secret\n")
    assert json.loads(server.requests[-1].content) == {
        "subject": "web", "scopes": ["browser-ingest"], "origins": ORIGINS,
    }  # fmt: skip
    assert json.loads(run("issue", "web", "--scope", "ingest", "--yes", "--json").stdout)["key"] == "rk_k1_secret"
    assert json.loads(server.requests[-1].content)["origins"] == []


def test_key_is_revoked_with_a_reason(server: FakeServer) -> None:
    done = run("revoke", "k1", "--reason", "leaked", "--yes")
    assert (done.exit_code, done.stdout) == (0, "revoked: k1\n")
    assert json.loads(server.requests[-1].content) == {"reason": "leaked"}
    assert json.loads(run("revoke", "k1", "--yes", "--json").stdout) == {"id": "k1", "revoked": True}


@pytest.mark.parametrize("arguments", [["issue", "web", "--scope", "ingest"], ["revoke", "k1"]])
def test_nothing_is_sent_without_a_yes(server: FakeServer, arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 6
    assert server.requests == []
