"""`ratchet executions` and `ratchet --version`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.command_line import run_command
from tests.support.ratchet_server import FakeServer

ITEM = {
    "id": "a/b", "target": "bot", "occurred_at": "2026-11-21T12:00:00Z", "outcome": "refused", "model": "m\x1b[2J",
    "latency_ms": 840.0, "cost": 0.002,
    "usage": {"input_tokens": None, "total_tokens": 876}, "input_excerpt": "Hi", "output_excerpt": None,
}  # fmt: skip
LIST = "GET /v1/executions"
EXPORT = "GET /v1/executions/export"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: fake.answer(request))
    monkeypatch.setenv("RATCHET_URL", "http://ratchet")
    monkeypatch.setenv("RATCHET_KEY", "rk_k_s")
    monkeypatch.chdir(tmp_path)
    fake.pages = {
        LIST: {"items": [ITEM], "next": "Wzld", "searched": 5000},
        EXPORT: httpx.Response(200, content=b'{"id":"a"}\n{"id":"b"}\n'),
        "GET /v1/executions/a/b": {**ITEM, "contexts": [], "scores": {"helpful": 0.5}},
    }
    return fake


def params(server: FakeServer) -> dict[str, str]:
    return dict(server.requests[-1].url.params)


def test_version_is_shown() -> None:
    result = run_command("--version")
    assert (result.exit_code, result.output.split()[0]) == (0, "ratchet")


def test_list_has_the_filters_of_the_api(server: FakeServer) -> None:
    words = (
        "--target bot --since 2026-11-21T00:00:00Z --until 2026-11-22T00:00:00Z --prompt-version 7 --model m "
        "--arm base --outcome refused --user ann --session s --trace t --tool mail --feedback any --metric cost_usd "
        "--min 0 --max 1 --text parcel --limit 5"
    )
    result = run_command("executions", *words.split())
    assert params(server) == {
        "target": "bot", "since": "2026-11-21T00:00:00Z", "until": "2026-11-22T00:00:00Z", "version": "7", "model": "m",
        "arm": "base", "outcome": "refused", "user": "ann", "session": "s", "trace_id": "t", "tool": "mail",
        "feedback": "any", "metric": "cost_usd", "min": "0.0", "max": "1.0", "q": "parcel", "limit": "5",
    }  # fmt: skip
    assert (result.exit_code, "a/b" in result.stdout, "876" in result.stdout, "\x1b" in result.stdout) == (
        0, True, True, False,
    )  # fmt: skip
    assert "searched the texts of 5,000 executions" in result.stderr


def test_json_is_the_servers_response(server: FakeServer) -> None:
    assert json.loads(run_command("executions", "--format", "json").stdout) == server.pages[LIST]
    one = run_command("executions", "a/b", "--format", "json")
    assert json.loads(one.stdout)["scores"] == {"helpful": 0.5}
    assert b"/v1/executions/a%2Fb" in server.requests[-1].url.raw_path


def test_execution_is_shown_without_its_empty_fields(server: FakeServer) -> None:
    result = run_command("executions", "a/b")
    assert "outcome: refused\n" in result.stdout
    assert 'usage: {"total_tokens": 876}\n' in result.stdout
    assert "contexts" not in result.stdout
    assert "\x1b" not in result.stdout


def test_export_goes_to_stdout_or_a_file(server: FakeServer, tmp_path: Path) -> None:
    assert run_command("executions", "--format", "jsonl").stdout == '{"id":"a"}\n{"id":"b"}\n'
    assert params(server) == {"format": "jsonl"}
    server.pages[EXPORT] = httpx.Response(200, content=b"id\na\n")
    assert run_command("executions", "--format", "csv", "--target", "bot", "--output", "out.csv").exit_code == 0
    assert ((tmp_path / "out.csv").read_bytes(), params(server)) == (b"id\na\n", {"format": "csv", "target": "bot"})
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
    server.pages[EXPORT] = httpx.Response(200, content=b"PAR1\xff")
    assert run_command("executions", "--format", "parquet", "--output", "out.parquet").exit_code == 0
    assert ((tmp_path / "out.parquet").read_bytes(), params(server)) == (b"PAR1\xff", {"format": "parquet"})


class Interrupted(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield b'{"id":"a"}\n'
        raise httpx.RemoteProtocolError("peer closed connection")


def test_incomplete_export_gets_no_name(server: FakeServer, tmp_path: Path) -> None:
    server.pages[EXPORT] = lambda _: httpx.Response(200, stream=Interrupted())
    result = run_command("executions", "--format", "jsonl", "--output", "out.jsonl")
    assert (result.exit_code, "incomplete" in result.stderr) == (3, True)
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["a", "--target", "b"], 2), (["a", "--format", "parquet"], 2), (["--output", "x"], 2), (["--limit", "101"], 2),
        (["--format", "jsonl", "--output", "missing/x"], 1),
    ],
)  # fmt: skip
def test_wrong_usage(server: FakeServer, words: list[str], code: int) -> None:
    assert run_command("executions", *words).exit_code == code


@pytest.mark.parametrize(("form", "route"), [("table", LIST), ("csv", EXPORT)])
def test_refused_filter_is_named(server: FakeServer, form: str, route: str) -> None:
    problem: Any = {"title": "Not valid", "detail": "min: must not be above max"}
    server.pages[route] = httpx.Response(422, json=problem)
    result = run_command("executions", "--format", form)
    assert (result.exit_code, result.stderr) == (9, "ratchet: Not valid: min: must not be above max\n")
