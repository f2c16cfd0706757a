"""`ratchet metrics`: fields without a flag are kept, and nothing is sent without a yes."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import Result

from tests.support.command_line import run_command
from tests.support.ratchet_server import FakeServer

ITEM: dict[str, Any] = {
    "target": "bot", "metric": "score.x", "direction": "undeclared", "unit": "score", "scale": [0, 1],
    "aggregation": "mean", "n": 12, "declared": {"labels": {"a": "good"}, "floor_pp": 3},
    "uncounted": [{"reason": "out_of_range", "word": None, "n": 2, "low": -1.0, "high": 8.0}],
}  # fmt: skip


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: fake.answer(request))
    monkeypatch.setenv("RATCHET_URL", "http://ratchet")
    monkeypatch.setenv("RATCHET_KEY", "rk_k_s")
    monkeypatch.chdir(tmp_path)
    fake.pages = {
        "GET /v1/metrics": {"items": [ITEM], "next": None},
        "GET /v1/metrics/score.x": ITEM,
        "PUT /v1/metrics/score.x": {**ITEM, "direction": "lower_is_better"},
    }
    return fake


def run(*arguments: str) -> Result:
    return run_command("metrics", *arguments)


def test_list_shows_undeclared_metrics_and_uncounted_values(server: FakeServer) -> None:
    shown = run("list")
    assert shown.exit_code == 0
    assert "not declared" in shown.output
    assert "2 out of range (-1 to 8)" in shown.output


def test_fields_without_a_flag_keep_their_declaration(server: FakeServer) -> None:
    done = run("set", "score.x", "--direction", "lower", "--bad", "b", "--scale", "0:10", "--yes")
    assert (done.exit_code, "less is better" in done.output) == (0, True)
    assert json.loads(server.requests[-1].content) == {
        "labels": {"a": "good", "b": "bad"}, "floor_pp": 3, "direction": "lower_is_better", "scale": [0.0, 10.0],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--direction", "lower"], 6), (["--yes"], 2), (["--scale", "ten", "--yes"], 2)],
)
def test_nothing_is_sent_without_a_yes_or_a_change(server: FakeServer, arguments: list[str], code: int) -> None:
    assert run("set", "score.x", *arguments).exit_code == code
    assert all(request.method == "GET" for request in server.requests)
