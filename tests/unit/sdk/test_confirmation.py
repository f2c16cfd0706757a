"""Changes need `--yes` or an explicit yes on a terminal, and are shown before."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import Result

from ratchet.cli.operations import SERVICES
from ratchet.prompt import from_text
from tests.support.command_line import run_command
from tests.support.ratchet_server import FakeServer

Run = Callable[..., Result]
OLD, NEW = from_text("Be brief.\nCite."), from_text("Be brief.\nCite the \u200dpage, not <U+200D>.")
FIRST: dict[str, Any] = {
    "id": "p1", "name": "answer", "kind": "first_version", "state": "open", "author": "ann", "base_digest": None,
    "digest": NEW.digest, "diff": "", "document": NEW.to_dict(), "rollback": None, "evidence": {"summary": "start"},
}  # fmt: skip
EDIT = {**FIRST, "id": "p2", "kind": "edit", "base_digest": OLD.digest, "rollback": OLD.to_dict()}
CHANGES = [
    ["approve", "p1"],
    ["reject", "p1", "--reason", "no"],
    ["rollback", "answer"],
    ["archive", "answer", "--reason", "unused"],
    ["resume"],
    ["grants", "give", "answer", "examples"],
    ["grants", "revoke", "g1"],
    ["republish"],
    ["dead-letters", "--service", "analyzer", "--replay", "d1"],
    ["dead-letters", "--service", "analyzer", "--discard", "d1"],
    ["sign-in", "--for", "ben"],
]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: fake.answer(request))
    monkeypatch.setenv("RATCHET_URL", "http://ratchet")
    monkeypatch.setenv("RATCHET_KEY", "rk_k_s")
    monkeypatch.chdir(tmp_path)
    version = {"sequence": 1, "digest": NEW.digest, "document": NEW.to_dict()}
    done = {"status": "done", "id": "x", "path": "/sign-in#t", "republished": 0}
    fake.pages = {
        "GET /v1/proposals/p1": FIRST,
        "GET /v1/proposals/p2": EDIT,
        "GET /v1/prompts/answer/versions": {"items": [version], "next": None, "previous": OLD.digest},
        f"GET /v1/versions/{OLD.digest}": {"document": OLD.to_dict()},
        **{f"POST /v1/ops/{name}/republish": done for name in SERVICES},
        **{f"POST /v1/ops/analyzer/dead-letters/d1/{verb}": done for verb in ("replay", "discard")},
        **{f"POST /v1/proposals/{name}/decisions": {"live": {"digest": NEW.digest}} for name in ("p1", "p2")},
        "POST /v1/prompts/answer/rollback": done,
        "POST /v1/prompts/answer/archive": done,
        "POST /v1/resume": done,
        "POST /v1/halt": done,
        "POST /v1/grants": done,
        "POST /v1/grants/g1/revoke": done,
        "POST /v1/sign-in-links": done,
        "GET /v1/session": {"subject": "ann"},
    }
    return fake


@pytest.fixture
def run(server: FakeServer) -> Run:
    return run_command


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratchet.cli.confirmation.on_terminal", lambda: True)


def changes_sent(server: FakeServer) -> int:
    return sum(request.method != "GET" for request in server.requests)


@pytest.mark.parametrize("words", CHANGES, ids=" ".join)
def test_without_a_terminal_only_yes_changes_anything(run: Run, server: FakeServer, words: list[str]) -> None:
    for typed, more in (("n\n", []), ("y\n", ["--json"]), ("", [])):
        result = run(*words, *more, input=typed)
        assert (result.exit_code, changes_sent(server)) == (6, 0)
        assert "pass --yes" in result.stderr
    assert run(*words, "--yes").exit_code == 0
    assert changes_sent(server) > 0


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("words", CHANGES, ids=" ".join)
def test_on_a_terminal_only_an_explicit_yes_changes_anything(run: Run, server: FakeServer, words: list[str]) -> None:
    for typed in ("n\n", "\n", "", "yep\n"):
        result = run(*words, "--json", input=typed)
        assert (result.exit_code, changes_sent(server)) == (6, 0)
    assert run(*words, input="Y\n").exit_code == 0
    assert changes_sent(server) > 0


def test_halt_needs_no_confirmation(run: Run, server: FakeServer) -> None:
    assert run("halt", input="n\n").exit_code == 0
    assert server.requests[-1].url.path == "/v1/halt"


@pytest.mark.usefixtures("terminal")
@pytest.mark.parametrize("words", [["proposals", "p1"], ["approve", "p1"], ["reject", "p1", "--reason", "no"]])
def test_first_version_is_shown_in_full(run: Run, words: list[str]) -> None:
    lines = run(*words, input="n\n").output.splitlines()
    assert f"+++ {NEW.digest[7:19]}" in lines
    assert [line for line in lines if line.startswith(("+[", "+  "))][-3:] == [
        "+[system]", "+  Be brief.", "+  Cite the <U+200D>page, not <U+003C>U+200D>.",
    ]  # fmt: skip


@pytest.mark.usefixtures("terminal")
def test_an_edit_is_shown_as_a_diff(run: Run) -> None:
    lines = run("approve", "p2", input="n\n").output.splitlines()
    assert [line for line in lines if line[:1] in "+-"] == [
        f"--- {OLD.digest[7:19]}", f"+++ {NEW.digest[7:19]}",
        "-  Cite.", "+  Cite the <U+200D>page, not <U+003C>U+200D>.",
    ]  # fmt: skip


@pytest.mark.usefixtures("terminal")
def test_examples_are_shown(run: Run, server: FakeServer) -> None:
    examples = [{"slot": "examples", "examples": [{"input": "Why?", "output": "Because.\x1b[2J"}]}]
    server.pages["GET /v1/proposals/p1"] = {**FIRST, "example_sets": examples}
    shown = run("approve", "p1", input="n\n").output
    assert "example for examples:\n  in:  Why?\n  out: Because.<U+001B>[2J\n" in shown


@pytest.mark.usefixtures("terminal")
def test_decision_needs_the_document_of_the_digest(run: Run, server: FakeServer) -> None:
    server.pages["GET /v1/proposals/p1"] = {**FIRST, "document": OLD.to_dict()}
    result = run("approve", "p1", input="y\n")
    assert (result.exit_code, changes_sent(server)) == (1, 0)


@pytest.mark.usefixtures("terminal")
def test_document_of_a_newer_schema_is_shown_as_received(run: Run, server: FakeServer) -> None:
    diff = "--- a\n+++ b\n+  <U+200D>\x1b[2J"
    server.pages["GET /v1/proposals/p1"] = {**FIRST, "document": {"schema": "ratchet.prompt/99"}, "diff": diff}
    assert "+  <U+200D><U+001B>[2J" in run("approve", "p1", input="n\n").output


@pytest.mark.usefixtures("terminal")
def test_rollback_targets_the_version_that_was_shown(run: Run, server: FakeServer) -> None:
    result = run("rollback", "answer", input="y\n")
    assert "+  Cite." in result.stderr
    assert json.loads(server.requests[-1].content)["to_digest"] == OLD.digest


def test_replay_names_the_missing_scope(run: Run, server: FakeServer, tmp_path: Path) -> None:
    server.pages["GET /v1/session"] = {"subject": "ann", "scopes": ["read", "review"]}
    file = tmp_path / "rows.jsonl"
    file.write_text('{"feedback": {"execution_id": "e", "kind": "thumb", "value": true}}', "utf-8")
    result = run("replay", str(file), "--as", "events")
    assert (result.exit_code, result.stderr) == (4, "ratchet: this key lacks the scope ingest\n")


def test_a_missing_scope_is_named(run: Run, server: FakeServer) -> None:
    problem = {"title": "Not allowed", "code": "scope-missing", "detail": "this key lacks the scope operate"}
    server.pages["POST /v1/resume"] = httpx.Response(403, json=problem)
    result = run("resume", "--yes")
    assert (result.exit_code, result.stderr) == (4, "ratchet: this key lacks the scope operate\n")
