"""`ratchet import`: every readable row is sent once, the others are set aside."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import Result

from tests.support.command_line import run_command
from tests.support.ratchet_server import FakeServer

CSV = (
    "time,question,answer,liked\n2026-11-01 10:00,q1,a1,up\n"
    "2026-11-01 10:01,q2,a2,perhaps\n2026-11-01 10:02,q3,a3,down\n"
)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeServer:
    fake = FakeServer()
    monkeypatch.setattr(httpx.HTTPTransport, "handle_request", lambda _, request: fake.answer(request))
    monkeypatch.setenv("RATCHET_URL", "http://ratchet")
    monkeypatch.setenv("RATCHET_KEY", "rk_k_s")
    monkeypatch.chdir(tmp_path)
    return fake


def run(text: str, *options: str) -> Result:
    Path("rows.csv").write_text(text, "utf-8")
    return run_again(*options)


def run_again(*options: str) -> Result:
    return run_command("import", "rows.csv", *options)


def rejected() -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path("rows.csv.rejected.jsonl").read_text("utf-8").splitlines()]


OPTIONS = ("--target", "bot", "--map", "feedback.thumb=liked")


def test_rows_that_cannot_be_read_are_set_aside_with_their_lines(server: FakeServer) -> None:
    result = run(CSV, *OPTIONS, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"executions": 2, "feedback": 2, "duplicates": 0, "rejected": 1}
    [row] = rejected()
    assert row["row"] == 3
    assert row["reason"] == "feedback.thumb (column liked) is neither thumbs up nor thumbs down: 'perhaps'"
    assert row["cells"]["question"] == "q2"


def test_importing_again_counts_nothing_twice(server: FakeServer) -> None:
    good = CSV.replace("perhaps", "up")
    assert run(good, *OPTIONS).exit_code == 0
    again = run(good, *OPTIONS, "--json")
    assert json.loads(again.stdout) == {"executions": 0, "feedback": 0, "duplicates": 6, "rejected": 0}
    assert set(server.effects.values()) == {1}


def test_what_the_server_refuses_is_set_aside(server: FakeServer) -> None:
    server.refuse = lambda item: "input: too short" if item.get("input") == "q3" else None
    result = run(CSV.replace("perhaps", "up"), *OPTIONS)
    assert result.exit_code == 1
    [row] = rejected()
    assert (row["row"], row["cells"]["question"]) == (4, "q3")
    assert "too short" in row["reason"]


def test_a_dry_run_sends_nothing_and_shows_the_first_items(server: FakeServer) -> None:
    result = run(CSV.replace("perhaps", "up"), *OPTIONS, "--dry-run")
    assert result.exit_code == 0
    assert "3 executions and 3 feedback can be sent; nothing was sent" in result.stdout
    assert '"input":"q1"' in result.stderr
    assert server.requests == []


def test_every_choice_is_shown(server: FakeServer) -> None:
    result = run("time,question,liked,colour\n2026-11-01 10:00,q1,up,red\n", *OPTIONS, "--dry-run")
    assert "input ← question" in result.stdout
    assert "not imported: colour" in result.stdout
    assert "have no zone and are read as UTC" in result.stdout


def test_an_interrupted_import_goes_on_where_it_stopped(server: FakeServer) -> None:
    rows = "".join(f"2026-11-01 10:00,q{n},a,up\n" for n in range(1200))
    text = "time,question,answer,liked\n" + rows
    server.faults = [lambda _: None, lambda _: None, lambda _: httpx.Response(401)]  # a block's executions and feedback
    stopped = run(text, *OPTIONS)
    assert stopped.exit_code == 4
    assert "set RATCHET_KEY to a key with the scope ingest" in stopped.stderr
    before = len(server.bodies)
    assert 0 < before < 2400
    result = run_again(*OPTIONS)
    assert result.exit_code == 0, result.output
    assert "continuing after line" in result.stderr
    assert f"{1200 - before // 2} executions" in result.stdout
    assert len(server.bodies) == 2400
    assert set(server.effects.values()) == {1}
    assert not Path("rows.csv.import.json").exists()


def interrupt(_: httpx.Request) -> httpx.Response:
    """Stand in for Ctrl-C during a request."""
    raise KeyboardInterrupt


def test_ctrl_c_says_where_the_same_command_goes_on(server: FakeServer) -> None:
    rows = "".join(f"2026-11-01 10:00,q{n},a,{'up' if n % 300 else 'perhaps'}\n" for n in range(1200))
    server.faults = [lambda _: None, lambda _: None, interrupt]
    stopped = run("time,question,answer,liked\n" + rows, *OPTIONS)
    assert stopped.exit_code == 130
    assert "stopped after line 513; run the same command again to go on there" in stopped.stderr
    again = run_again(*OPTIONS, "--json")
    assert "continuing after line 513" in again.stderr
    assert json.loads(again.stdout)["duplicates"] == 0
    assert set(server.effects.values()) == {1}
    assert len(server.effects) == 2 * 1196
    assert [row["row"] for row in rejected()] == [2, 302, 602, 902]


def test_ctrl_c_before_the_first_rows_leaves_nothing_to_go_on_from(server: FakeServer) -> None:
    server.faults = [interrupt]
    stopped = run(CSV.replace("perhaps", "up"), *OPTIONS)
    assert stopped.exit_code == 130
    assert "stopped before the first rows were sent" in stopped.stderr
    assert run_again(*OPTIONS).exit_code == 0


def test_rejected_rows_of_an_interrupted_import_are_listed_once(server: FakeServer) -> None:
    rows = "".join(f"2026-11-01 10:00,q{n},a,{'up' if n % 300 else 'perhaps'}\n" for n in range(1200))
    server.faults = [lambda _: None, lambda _: None, lambda _: httpx.Response(401)]
    assert run("time,question,answer,liked\n" + rows, *OPTIONS).exit_code == 4
    result = run_again(*OPTIONS, "--json")
    assert json.loads(result.stdout)["rejected"] == 4
    assert [row["row"] for row in rejected()] == [2, 302, 602, 902]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "the target is missing"),
        (("--target", "bot", "--map", "thumbs=liked"), "'thumbs' must be one of"),
        (("--target", "bot", "--set", "cost=much"), "--set: cost is not a number"),
        (("--target", "bot", "--timezone", "Mars"), "--timezone"),
        (("--target", "bot", "--set", "outcome=weird"), "--set: outcome is none of ok"),
        (("--target", "bot", "--rejected", "none/x.jsonl"), "--rejected: none is not a directory"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_sent(
    server: FakeServer, options: tuple[str, ...], reason: str
) -> None:
    result = run(CSV, *options)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert server.requests == []


def test_malformed_lines_are_set_aside(server: FakeServer) -> None:
    Path("rows.csv").unlink(missing_ok=True)
    Path("rows.jsonl").write_text('{"input": "a"}\n{"input": \n{"input": "b"}\n', "utf-8")
    result = run_command("import", "rows.jsonl", "--target", "bot", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["executions"] == 2
    [row] = [json.loads(line) for line in Path("rows.jsonl.rejected.jsonl").read_text("utf-8").splitlines()]
    assert row["row"] == 2
