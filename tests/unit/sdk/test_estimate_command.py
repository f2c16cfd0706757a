"""`ratchet estimate`: what an evaluation may use, in words and as JSON."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.command_line import run_command
from tests.support.ratchet_server import FakeServer

FOUND: dict[str, Any] = {
    "target": "bot", "dataset": "golden", "cases": 46, "answers": 92, "judges": ["helpful"], "calls": 92,
    "tokens": 61_000, "usd": 0.42, "minutes": 18.4,
}  # fmt: skip


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: fake.answer(request))
    monkeypatch.setenv("RATCHET_URL", "http://ratchet")
    monkeypatch.setenv("RATCHET_KEY", "rk_k_s")
    monkeypatch.chdir(tmp_path)
    fake.pages = {"GET /v1/evaluation-estimates": FOUND}
    return fake


def test_answers_calls_tokens_money_and_time_are_shown(server: FakeServer) -> None:
    output = run_command("estimate", "bot", "--judge", "helpful", "--repeats", "1").output
    assert "golden: 46 cases, at most 92 answers of the app" in output
    assert "helpful: at most about 92 calls, 61,000 tokens, $0.42, 18 minutes" in output
    assert dict(server.requests[-1].url.params) == {"target": "bot", "judges": "helpful", "repeats": "1"}
    assert json.loads(run_command("estimate", "bot", "--json").stdout) == FOUND


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"calls": 0, "judges": []}, "no judge is asked"),
        ({"usd": None, "minutes": None}, "cost unknown, no endpoint is configured"),
    ],
)
def test_what_is_unknown_is_said(server: FakeServer, changed: dict[str, Any], words: str) -> None:
    server.pages["GET /v1/evaluation-estimates"] = {**FOUND, **changed}
    assert words in run_command("estimate", "bot").output
