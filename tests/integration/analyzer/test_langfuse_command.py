"""`ratchet backtest --langfuse` as a command, over HTTP."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ratchet.cli import app
from ratchet_backtest import detectable_drop as detectable
from ratchet_local.ports import free_port
from tests.support.langfuse import PUBLIC, SECRET, Langfuse, ScriptedResponse, error_response, served
from tests.support.langfuse_history import FALLEN, HEALTHY, score, server_with_history, version

Environment = Callable[[Langfuse], Mapping[str, str]]
KEYS = {"LANGFUSE_PUBLIC_KEY": PUBLIC, "LANGFUSE_SECRET_KEY": SECRET}


@pytest.fixture
def environment() -> Iterator[Environment]:
    """Return the environment variables of a command for a server."""
    with ExitStack() as stack:
        yield lambda server: {**KEYS, "LANGFUSE_HOST": stack.enter_context(served(server))}


def run(env: Mapping[str, str], *words: str) -> Result:
    cleared = dict.fromkeys(("LANGFUSE_HOST", "LANGFUSE_BASE_URL", *KEYS))
    return CliRunner().invoke(app, ["backtest", *words], env={**cleared, **env})


@pytest.mark.parametrize("detect_api", ["4.16.0", "3.150.1"])
def test_version_without_an_instruction_is_named_with_its_fix(environment: Environment, detect_api: str) -> None:
    server = server_with_history(*FALLEN, version=detect_api, now=datetime.now(UTC))
    result = run(environment(server), "--langfuse")
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Langfuse at http://127.0.0.1:")
    assert ": 800 answers from " in lines[0]
    assert lines[1] == "regressed: user-thumbs of support-bot"
    assert lines[3] == "user-thumbs of support-bot: regressed, 1 regression would have been opened"
    assert "likely prompt version answer: 6 → 7 (" in result.stdout
    shown = lines.index("    fix for answer 7: Restores 1 removed line; keeps what was added.")
    assert lines[shown + 1 : shown + 7] == [
        "      --- answer 7",
        "      +++ answer 7, fixed",
        "      @@ -9,2 +9,3 @@",
        "         You are the support bot of a lamp shop.",
        "      +  Cite the article that you took it from.",
        "         Ask back if it is unclear.",
    ]


@pytest.mark.simulation
def test_no_drop_is_stated_with_the_detectable_size(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectable, "RUNS", 5)
    result = run(environment(server_with_history(*HEALTHY, now=datetime.now(UTC))), "--langfuse", "--days", "30")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[1] == "no regression was detected"
    assert " values, in 80% of 5 simulated runs on these values" in result.stdout


def test_json_and_html_have_the_same_result(environment: Environment, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    env = environment(server_with_history(*FALLEN, now=datetime.now(UTC)))
    report = json.loads(run(env, "--langfuse", "--json", "--html", str(page)).stdout)
    repair = report["results"][0]["falls"][0]["repair"]
    assert (repair["prompt"], repair["before"], repair["after"], repair["kind"]) == ("answer", 6, 7, "restore")
    assert report["unit"] == "answer"
    assert "+  Cite the article that you took it from." in page.read_text("utf-8")


def test_texts_are_escaped_for_the_terminal(environment: Environment) -> None:
    server = server_with_history(*FALLEN, now=datetime.now(UTC))
    evil = "\x1b[2J\u202ebot"
    for each in server.observations:
        each["traceName"] = evil
        each["promptName"] = evil if each.get("promptName") else None
    server.scores.append(score(3, f"len{evil}", 77.0, datetime.now(UTC)))
    server.prompts = {(evil, 6): version(6, f"Help.\n{evil}"), (evil, 7): version(7, "Help.")}
    output = run(environment(server), "--langfuse").stdout
    assert output.count("<U+001B>[2J<U+202E>bot") > 5
    assert "+  <U+001B>[2J<U+202E>bot" in output
    assert "\x1b" not in output
    assert "\u202e" not in output


def test_script_prints_no_progress_in_a_pipe_and_no_key(environment: Environment, tmp_path: Path) -> None:
    server = server_with_history(*FALLEN, now=datetime.now(UTC))
    server.faults["/api/public/v3/scores"] = [error_response(429, retry_after="0")]
    script = Path(sys.executable).with_name("ratchet")
    done = subprocess.run(
        [script, "backtest", "--langfuse"],
        env=environment(server),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "+  Cite the article" in done.stdout
    assert SECRET not in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert {method for method, _, _ in server.requests} == {"GET"}


@pytest.mark.parametrize(
    ("path", "fault", "code", "message"),
    [
        ("v3/scores", error_response(401), 4, "rejects LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY"),
        ("v2/observations", error_response(403), 4, "does not permit these keys to read /api/public/v2/observations"),
        ("v3/scores", error_response(429, retry_after="7200"), 3, "limits requests for 7200 s: try again later"),
        (
            "health",
            ScriptedResponse(body=b"<html>Sign in</html>", headers={"content-type": "text/html"}),
            1,
            "other than JSON",
        ),
        ("health", ScriptedResponse(dropped=True), 3, "is unreachable: RemoteProtocolError"),
        (
            "v2/observations",
            ScriptedResponse(body=b'{"data": [{"id": 1}], "meta": {}}'),
            1,
            "data.0.id: Input should be",
        ),
        ("v2/prompts/answer", error_response(403), 4, "does not permit these keys to read"),
    ],
)
def test_error_is_one_line_with_an_exit_code_and_no_partial_result(
    environment: Environment, tmp_path: Path, path: str, fault: ScriptedResponse, code: int, message: str
) -> None:
    server = server_with_history(*FALLEN, now=datetime.now(UTC))
    server.faults[f"/api/public/{path}"] = [fault]
    result = run(environment(server), "--langfuse", "--html", str(tmp_path / "report.html"))
    assert (result.exit_code, result.stdout) == (code, "")
    assert message in result.stderr
    assert result.stderr.startswith("ratchet: http://127.0.0.1:")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "report.html").exists()


def test_unreachable_address_is_reported_at_once() -> None:
    result = run({**KEYS, "LANGFUSE_HOST": f"http://127.0.0.1:{free_port()}"}, "--langfuse")
    assert (result.exit_code, result.stdout) == (3, "")
    assert "is unreachable: ConnectError: [Errno 111] Connection refused" in result.stderr


@pytest.mark.parametrize(
    ("env", "words", "message"),
    [
        ({}, ["--langfuse"], "set LANGFUSE_HOST, LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY: required by --langfuse"),
        ({}, [], "give either a file or --langfuse"),
        (KEYS, ["--langfuse", __file__], "give either a file or --langfuse"),
        (KEYS, ["--langfuse", "--as", "frank"], "--as: cannot be combined with --langfuse"),
        (KEYS, ["--langfuse", "--days", "0"], "Invalid value"),
    ],
)
def test_usage_errors(env: dict[str, str], words: list[str], message: str) -> None:
    result = run(env, *words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
