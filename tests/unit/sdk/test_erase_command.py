"""`ratchet erase`: what is asked, what is sent, and what is shown."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.command_line import run_command
from tests.support.ratchet_server import FakeServer

ERASURE: dict[str, Any] = {
    "id": "e1", "subject": "k1:0f", "complete": False, "waits_for": ["proposer"], "completed_at": None,
    "services": [
        {"service": "collector", "completed_at": "2026-11-21T12:00:00Z", "erased": {"executions": 2, "views": 0}},
        {"service": "proposer", "completed_at": None, "erased": {}},
    ],
}  # fmt: skip


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: fake.answer(request))
    monkeypatch.setattr("ratchet.cli.erasures._POLL_S", 0.01)
    monkeypatch.setenv("RATCHET_URL", "http://ratchet")
    monkeypatch.setenv("RATCHET_KEY", "rk_k_s")
    monkeypatch.chdir(tmp_path)
    fake.pages = {"POST /v1/erasures": ERASURE, "GET /v1/erasures/e1": ERASURE}
    return fake


def test_nothing_is_sent_without_confirmation(server: FakeServer) -> None:
    assert run_command("erase", "u-17").exit_code == 6
    assert server.requests == []


def test_user_is_sent_by_id_or_by_hash(server: FakeServer) -> None:
    done = run_command("erase", "u-17", "--yes")
    assert done.exit_code == 0
    assert json.loads(server.requests[-1].content) == {"user_id": "u-17"}
    assert done.stdout.splitlines() == [
        "erasure e1: in progress", "  collector: 2 executions", "  proposer: nothing (not done yet)",
    ]  # fmt: skip
    assert run_command("erase", "k1:0f", "--hash", "--yes", "--json").exit_code == 0
    assert json.loads(server.requests[-1].content) == {"user_hash": "k1:0f"}


def test_waiting_ends_when_all_services_are_done_or_says_which_are_not(server: FakeServer) -> None:
    late = run_command("erase", "u-17", "--yes", "--wait", "0.05")
    assert (late.exit_code, "proposer" in late.stderr) == (5, True)
    server.pages["GET /v1/erasures/e1"] = {**ERASURE, "complete": True, "waits_for": []}
    done = run_command("erase", "u-17", "--yes", "--wait", "5")
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, "erasure e1: complete")


def test_progress_is_shown_by_id(server: FakeServer) -> None:
    assert json.loads(run_command("erasure", "e1", "--json").stdout) == ERASURE
    assert run_command("erasure", "e2").exit_code == 7
