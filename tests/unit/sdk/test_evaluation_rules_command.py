"""`ratchet evaluation-rules`: what is listed, and what is sent."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.command_line import run_command
from tests.support.ratchet_server import FakeServer

RULE: dict[str, Any] = {
    "target": "bot", "rule": "required", "chosen": "default", "set_by": None, "dataset": "golden", "version": 2,
    "digest": "sha256:0", "cases": 40, "clusters": 36,
}  # fmt: skip
CHOSEN = {**RULE, "target": "shop", "rule": "advisory", "chosen": "advisory", "set_by": "ann"}


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: fake.answer(request))
    monkeypatch.setenv("RATCHET_URL", "http://ratchet")
    monkeypatch.setenv("RATCHET_KEY", "rk_k_s")
    monkeypatch.chdir(tmp_path)
    fake.pages = {
        "GET /v1/evaluation-rules": {"items": [RULE, CHOSEN], "next": None},
        "POST /v1/evaluation-rules": {"target": "bot", "rule": "advisory"},
    }
    return fake


def test_rules_are_listed_with_their_reason() -> None:
    output = run_command("evaluation-rules", "list").output
    assert "size of its golden set" in output
    assert "chosen by ann" in output
    assert json.loads(run_command("evaluation-rules", "list", "--json").stdout)["items"] == [RULE, CHOSEN]


def test_choice_is_sent_with_its_reason(server: FakeServer) -> None:
    done = run_command("evaluation-rules", "set", "bot", "advisory", "--reason", "an emergency", "--yes")
    assert (done.exit_code, done.output) == (0, "bot: advisory\n")
    sent = json.loads(server.requests[-1].content)
    assert sent == {"target": "bot", "rule": "advisory", "reason": "an emergency"}


def test_nothing_is_sent_without_confirmation(server: FakeServer) -> None:
    assert run_command("evaluation-rules", "set", "bot", "advisory").exit_code == 6
    assert server.requests == []
