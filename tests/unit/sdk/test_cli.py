"""The command line: requests, output and exit codes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import Result

from ratchet.cli.credentials import NoCredentials, find
from ratchet.cli.session import problem
from ratchet.prompt import from_text
from tests.support.command_line import run_command
from tests.support.ratchet_server import FakeServer

Run = Callable[..., Result]
DIGEST = from_text("new").digest
PROPOSAL = {
    "id": "p1",
    "name": "answer",
    "kind": "restore",
    "state": "open",
    "author": "ratchet\x1b[2J",
    "base_digest": None,
    "digest": DIGEST,
    "diff": "--- a\n+++ b\n+  Cite\x1b]0;pwned\x07",
    "evidence": {"summary": "bart → bus"},
    "acceptance": [{"metric": "thumb", "comparison": ">=", "threshold": 0.8, "n": 100}],
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: fake.answer(request))
    monkeypatch.setenv("RATCHET_URL", "http://ratchet")
    monkeypatch.setenv("RATCHET_KEY", "rk_k_s")
    monkeypatch.chdir(tmp_path)
    fake.pages = {
        "GET /v1/proposals": {"items": [PROPOSAL], "next": None},
        "GET /v1/proposals/p1": PROPOSAL,
        "POST /v1/proposals/p1/decisions": {"live": {"name": "answer", "digest": DIGEST, "sequence": 2}},
    }
    return fake


@pytest.fixture
def run(server: FakeServer) -> Run:
    return run_command


def sent(server: FakeServer) -> Any:
    return json.loads(server.requests[-1].content)


def test_texts_of_the_server_are_escaped_for_the_terminal(run: Run) -> None:
    for words in (["proposals"], ["proposals", "p1"], ["proposals", "p1", "--json"], ["proposals", "--json"]):
        result = run(*words)
        assert result.exit_code == 0, result.output
        assert "\x1b" not in result.output
        assert "\x07" not in result.output
    assert "Cite<U+001B>]0;pwned<U+0007>" in run("proposals", "p1").output


def test_json_output_is_the_servers_response(run: Run) -> None:
    assert json.loads(run("proposals", "p1", "--json").stdout) == PROPOSAL
    assert json.loads(run("proposals", "--json").stdout) == {"items": [PROPOSAL], "next": None}


def test_approval_sends_the_digest_that_was_shown(run: Run, server: FakeServer) -> None:
    result = run("approve", "p1", "--reason", "good", "--yes")
    assert (result.exit_code, result.output) == (0, f"live: answer {DIGEST} (sequence 2)\n")
    assert sent(server) == {"verdict": "approved", "reason": "good", "digest": DIGEST}


def test_approval_names_the_evaluation_that_was_shown(run: Run, server: FakeServer) -> None:
    report = {"report_digest": "sha256:report", "verdict": "pass", "reason": "better", "cases": 46}
    server.pages["GET /v1/proposals/p1"] = {**PROPOSAL, "evaluation": report}
    assert run("approve", "p1", "--yes").exit_code == 0
    assert sent(server)["evaluation_digest"] == "sha256:report"
    assert "evaluation: pass, better; 46 cases" in run("proposals", "p1").output


def test_approval_of_another_digest_is_rejected_locally(run: Run, server: FakeServer) -> None:
    result = run("approve", "p1", "--digest", "sha256:other")
    assert result.exit_code == 1
    assert server.count("/v1/proposals/p1/decisions") == 0


@pytest.mark.parametrize(("words", "verdict"), [([], "rejected"), (["--changes"], "changes_requested")])
def test_rejection_sends_its_reason(run: Run, server: FakeServer, words: list[str], verdict: str) -> None:
    assert run("reject", "p1", "--reason", "too long", "--yes", *words).exit_code == 0
    assert sent(server) == {"verdict": verdict, "reason": "too long", "digest": DIGEST}
    assert run("reject", "p1").exit_code == 2


@pytest.mark.parametrize(
    ("words", "route", "body"),
    [
        (["rollback", "a/b"], "POST /v1/prompts/a/b/rollback", {"to_digest": None, "reason": ""}),
        (
            ["rollback", "answer", "--to", DIGEST],
            "POST /v1/prompts/answer/rollback",
            {"to_digest": DIGEST, "reason": ""},
        ),
        (["halt", "--reason", "fire"], "POST /v1/halt", {"reason": "fire"}),
        (["halt", "--reason", ""], "POST /v1/halt", {"reason": "stopped from the command line"}),
        (["halt", "--reason", "x" * 2001], "POST /v1/halt", {"reason": "x" * 2000}),
        (["resume"], "POST /v1/resume", {"reason": "resumed from the command line"}),
        (["grants", "revoke", "g1"], "POST /v1/grants/g1/revoke", {"reason": ""}),
    ],
)
def test_actions_send_their_request(run: Run, server: FakeServer, words: list[str], route: str, body: Any) -> None:
    server.pages[route] = {"digest": DIGEST, "sequence": 3}
    result = run(*words, "--yes")
    assert result.exit_code == 0, result.output
    assert sent(server) == body
    assert json.loads(run(*words, "--yes", "--json").stdout) == {"digest": DIGEST, "sequence": 3}


def test_grant_has_limits(run: Run, server: FakeServer) -> None:
    server.pages["POST /v1/grants"] = {"id": "g1"}
    assert run("grants", "give", "answer", "examples", "--count", "3", "--hours", "1", "--yes").output == "given: g1\n"
    body = sent(server)
    assert (body["name"], body["slot"], body["count"], body["per_hour"]) == ("answer", "examples", 3, 10)
    assert body["expires_at"].endswith("+00:00")
    for hours in ("inf", "1e300", "8760.1", "nan", "0"):
        assert run("grants", "give", "answer", "examples", "--hours", hours, "--yes").exit_code == 2


def test_rejection_is_printed_once(run: Run) -> None:
    same = {"title": "Nothing is live under this name", "detail": "nothing is live under this name"}
    assert problem(same) == "Nothing is live under this name"
    assert problem({**same, "detail": "greeting"}) == "Nothing is live under this name: greeting"


LISTS: list[tuple[list[str], str, dict[str, Any], list[str]]] = [
    (
        ["regressions"],
        "/v1/regressions",
        {
            "regression_id": "r1",
            "target": "frank",
            "delta_pp": -21.5,
            "baseline": {"mean": 0.9, "low": 0.85, "high": 0.94, "n": 250},
            "current": None,
            "causes": [{"kind": "prompt_version", "name": "summarize", "before": "label:bart", "after": DIGEST}],
        },
        ["r1", "-21.5 pp", "0.900 [0.850, 0.940] n=250", "unknown", f"prompt summarize: label:bart → {DIGEST[7:19]}"],
    ),
    (
        ["regressions"],
        "/v1/regressions",
        {
            "metric": "cost_usd",
            "direction": "lower_is_better",
            "delta_pp": -30.2,
            "baseline": {"mean": 4.2e-6, "low": 4.1e-6, "high": 4.3e-6, "n": 250},
        },
        ["cost_usd", "+30.2 %", "4.2e-06 [4.1e-06, 4.3e-06] n=250"],
    ),
    (
        ["regressions"],
        "/v1/regressions",
        {"regression_id": "r1", "causes": [{"kind": "unknown", "evidence": "nothing changed with it"}]},
        ["unknown: nothing changed with it"],
    ),
    (
        ["prompts"],
        "/v1/prompts",
        {"name": "answer", "live": {"digest": DIGEST}, "observed": [{"reviewed": False}, {"reviewed": True}]},
        ["answer", DIGEST, "1"],
    ),
    (["candidates"], "/v1/candidates", {"name": "answer", "score": 1.0, "input": "Why?"}, ["answer", "Why?"]),
    (["grants"], "/v1/grants", {"id": "g1", "name": "answer", "used": 2, "count": 5}, ["g1", "2", "5"]),
    (["audit", "list"], "/v1/audit", {"seq": 1, "kind": "key.issued", "hash": "ab"}, ["key.issued"]),
    (
        ["dead-letters", "--service", "analyzer"],
        "/v1/ops/analyzer/dead-letters",
        {"id": "d1", "origin": {"topic": "feedback.created", "offset": 7}, "reason": "permanent"},
        ["analyzer", "d1", "feedback.created", "7", "permanent"],
    ),
]


@pytest.mark.parametrize(
    ("words", "path", "item", "shown"), LISTS, ids=[f"{case[1]}-{number}" for number, case in enumerate(LISTS)]
)
def test_list_output(
    run: Run, server: FakeServer, words: list[str], path: str, item: dict[str, Any], shown: list[str]
) -> None:
    server.pages[f"GET {path}"] = {"items": [item], "next": 17}
    result = run(*words)
    assert result.exit_code == 0, result.output
    for text in shown:
        assert text in result.stdout
    assert item.items() <= json.loads(run(*words, "--json").stdout)["items"][0].items()
    server.pages[f"GET {path}"] = {"items": [], "next": None}
    assert run(*words).stdout == "none\n"


def test_regression_explanation_is_printed(run: Run, server: FakeServer) -> None:
    explanation = {
        "what": "thumb of bot got worse",
        "reasons": ["It is claimed at 0.05."],
        "causes": ["m\x1b[2J"],
        "counter_evidence": ["No."],
    }
    server.pages["GET /v1/regressions/r1"] = {"state": "open", "explanation": explanation}
    lines = run("explain", "r1").output.splitlines()
    assert lines[0] == "thumb of bot got worse (open)"
    assert lines[2:4] == ["why it was detected:", "  It is claimed at 0.05."]
    assert "  m<U+001B>[2J" in lines
    assert lines[-1] == "  No."
    assert json.loads(run("explain", "r1", "--json").stdout)["explanation"] == explanation


def test_a_broken_audit_log_fails_the_command(run: Run, server: FakeServer) -> None:
    server.pages["GET /v1/audit/verify"] = {"ok": True, "entries": 3, "head": "ab", "problems": []}
    assert run("audit", "verify").exit_code == 0
    server.pages["GET /v1/audit/verify"] = {"ok": False, "entries": 2, "head": "ab", "problems": ["cut tail"]}
    result = run("audit", "verify", "--json")
    assert (result.exit_code, json.loads(result.stdout)["entries"]) == (1, 2)
    assert "cut tail" in result.stderr


def test_republish_requests_every_service(run: Run, server: FakeServer) -> None:
    services = ("collector", "analyzer", "proposer", "evaluator", "gatekeeper")
    server.pages |= {f"POST /v1/ops/{name}/republish": {"republished": 2} for name in services}
    assert json.loads(run("republish", "--lacking", "--yes", "--json").stdout) == {
        "republished": dict.fromkeys(services, 2)
    }
    assert sent(server) == {"since": None, "topic": None, "lacking": True}
    assert run("republish", "--service", "analyzer", "-y").output == "analyzer: 2 events\n"


def test_dead_letter_is_replayed_or_discarded(run: Run, server: FakeServer) -> None:
    for verb in ("replay", "discard"):
        server.pages[f"POST /v1/ops/analyzer/dead-letters/d1/{verb}"] = {"status": verb + "ed"}
        assert run("dead-letters", "--service", "analyzer", f"--{verb}", "d1", "--yes").output == f"{verb}ed: d1\n"
        assert run("dead-letters", f"--{verb}", "d1").exit_code == 2


def test_a_paused_consumer_is_resumed_by_its_name(run: Run, server: FakeServer) -> None:
    server.pages["POST /v1/ops/analyzer/consumers/analyzer.measuring/resume"] = {"status": "running"}
    assert run("resume-consumer", "analyzer.measuring", "--yes").output == "running: analyzer.measuring\n"
    assert run("resume-consumer", "measuring", "--yes").exit_code == 2


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, 4), (403, 4), (404, 7), (410, 7), (409, 8), (400, 9), (413, 9), (415, 9), (422, 9),
        (429, 3), (500, 3), (502, 3), (503, 3), (504, 3),
    ],
)  # fmt: skip
def test_exit_codes_of_rejections(run: Run, server: FakeServer, status: int, code: int) -> None:
    problem = {"title": "Not that", "detail": "digest: \x1b[1mno"}
    server.pages["POST /v1/halt"] = httpx.Response(status, json=problem)
    result = run("halt")
    assert result.exit_code == code
    assert result.stderr == "ratchet: Not that: digest: <U+001B>[1mno\n"
    assert result.stdout == ""


def test_an_unreachable_server_is_code_3(run: Run, server: FakeServer) -> None:
    def fail_to_connect(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    server.pages["POST /v1/halt"] = fail_to_connect
    result = run("halt")
    assert (result.exit_code, result.stderr) == (3, "ratchet: http://ratchet can't be reached: ConnectError\n")


@pytest.mark.parametrize("answer", ["<html>", "[]", "5"])
def test_response_of_another_server_fails(run: Run, server: FakeServer, answer: str) -> None:
    server.pages["POST /v1/halt"] = httpx.Response(200, text=answer)
    assert run("halt").exit_code == 1


def test_missing_credentials_name_the_variables(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RATCHET_KEY")
    result = run("halt")
    assert result.exit_code == 2
    assert "RATCHET_KEY" in result.stderr


def test_each_role_has_its_key(tmp_path: Path) -> None:
    file = tmp_path / "credentials.json"
    kept = {"url": "http://here/", "ingest_key": "i", "maker_key": "m", "reviewer_key": "r"}
    file.write_text(json.dumps(kept), "utf-8")
    assert [find(role, {}, file).key for role in ("ingest", "maker", "reviewer")] == ["i", "m", "r"]
    assert find("maker", {"RATCHET_KEY": "own"}, file).key == "own"
    assert find("maker", {"RATCHET_URL": "https://there"}, file).url == "https://there"
    for content in ("{", "[]"):
        file.write_text(content, "utf-8")
        with pytest.raises(NoCredentials):
            find("maker", {}, file)
    for url, key, message in (
        ("ftp://x", "k", "must begin with http"),
        ("http://", "k", "must name a host"),
        ("https:///", "k", "must name a host"),
        ("http://x", "ké", "RATCHET_KEY must hold printable ASCII"),
        ("http://x", "k\nk", "RATCHET_KEY must hold printable ASCII"),
    ):
        with pytest.raises(NoCredentials, match=message):
            find("maker", {"RATCHET_URL": url, "RATCHET_KEY": key}, file)
    assert find("maker", {"RATCHET_URL": "http://x", "RATCHET_KEY": " k\n"}, file).key == "k"
