"""`ratchet backtest` on the command line."""

import io
import json
import os
import pty
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from tests.support.command_line import command_tree, run_command
from tests.unit.backtest.conftest import Write, shares

Run = Callable[..., Result]
FALLEN = shares(("a", 600, 0.9), ("b", 200, 0.4))


@pytest.fixture
def run() -> Run:
    return lambda *words: run_command("backtest", *map(str, words))


def test_terminal_output(run: Run, write: Write) -> None:
    result = run(write(FALLEN))
    assert (result.exit_code, result.stderr) == (0, "")
    head, guessed, _, verdict, *rest = result.stdout.splitlines()
    assert head == "past.jsonl: 800 rows from 2026-03-01 to 2026-03-01"
    assert guessed == "inferred columns: time is time, version is version, value is correct"
    assert verdict == "correct: regressed, 1 regression would have been opened"
    assert re.match(r"  ▼ opened at line \d+, 2026-03-01 \d\d:\d\d: −\d+\.\d pp \[", rest[1])


def test_json_contains_the_events_of_the_service(run: Run, write: Write) -> None:
    result = run(write(FALLEN, "past.csv"), "--json")
    report = json.loads(result.stdout)
    assert report["schema"] == "ratchet.backtest/1"
    (found,) = report["results"]
    (fall,) = found["falls"]
    assert (found["verdict"], report["rows"], report["columns"]["guessed"]["value"]) == ("regressed", 800, "correct")
    assert fall["event"]["metric"] == "score.correct"
    assert fall["event"]["affected_executions"]
    assert fall["detected_at"]["time"] == FALLEN[fall["detected_at"]["number"] - 2]["time"]
    assert sum(step["measured"]["n"] for step in found["course"]) == 800


def test_html_report_is_written(run: Run, write: Write, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert run(write(FALLEN), "--html", page).stdout == run(write(FALLEN)).stdout
    assert page.read_text("utf-8").startswith("<!doctype html>")
    assert run(write(FALLEN), "--html", tmp_path / "no" / "where.html").exit_code == 2


@pytest.mark.parametrize(
    ("rows", "words", "message"),
    [
        ([{"a": 1, "b": 2}], [], "several columns may contain the values"),
        ([{"score": 9}, {"score": 3}], [], "--scale 0:10"),
        ([{"score": 7}], ["--scale", "ten"], "--scale: 'ten' is not like 0:10"),
        ([{"score": 1}], ["--time", "when"], "there is no column when; the columns are score"),
        ([{"score": 1}], ["--order", "a"], "--order requires a column of versions"),
        ([{"score": 1}], ["--kind", "stars"], "Invalid value"),
    ],
)
def test_errors_are_one_line(
    run: Run, write: Write, rows: list[dict[str, Any]], words: list[str], message: str
) -> None:
    result = run(write(rows), *words)
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


def test_flags_set_the_roles_of_columns(run: Run, write: Write) -> None:
    rows = [{"n": 10.0 - 6.0 * (index > 300), "when": index + 1.7e9, "v": index > 300} for index in range(500)]
    words = ["--score", "n", "--scale", "0:10", "--lower-is-better", "--time", "when", "--version", "v"]
    (found,) = json.loads(run(write(rows), *words, "--json").stdout)["results"]
    assert (found["direction"], found["verdict"] in ("holds", "inconclusive")) == ("lower_is_better", True)
    (found,) = json.loads(run(write(rows), *words[:4], "--higher-is-better", *words[5:], "--json").stdout)["results"]
    assert found["verdict"] == "regressed"
    assert found["falls"][0]["event"]["current"]["mean"] == pytest.approx(4.0)


def test_watch_rules_can_be_given(run: Run, write: Write, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text('[[rule]]\nmetric = "score.*"\nfloor = 80\n')
    assert "within 80 pp" in run(write(FALLEN), "--rules", rules).stdout
    rules.write_text("[[rule]]\nflour = 60\n")
    result = run(write(FALLEN), "--rules", rules)
    assert (result.exit_code, "flour" in result.stderr) == (2, True)


def test_omissions_are_reported(run: Run, write: Write, tmp_path: Path) -> None:
    path = write([*FALLEN, {**FALLEN[-1], "correct": "who knows"}, {**FALLEN[-1], "correct": None}])
    path.write_text(path.read_text() + "{broken\n")
    output = run(path).stdout
    assert "1 left out: is not JSON (the first: line 803)\n" in output
    assert "n=800, 1 missing\n  1 left out: is not a number (the first: line 801)\n" in output


def test_names_are_escaped_for_the_terminal(run: Run, write: Write) -> None:
    rows = [{**row, "version": f"{row['version']}\x1b[2J\u202e"} for row in FALLEN]
    output = run(write(rows)).stdout
    assert "a<U+001B>[2J<U+202E> → b" in output
    assert "\x1b" not in output


def test_script_runs_without_a_server(run: Run, write: Write, tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("ratchet")
    done = subprocess.run(
        [script, "backtest", write(FALLEN)], capture_output=True, text=True, encoding="utf-8", check=False, cwd=tmp_path
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, run(write(FALLEN)).stdout, "")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["past.jsonl"]


@pytest.mark.parametrize("color", [True, False])
def test_progress_bar_is_shown_on_a_terminal(write: Write, monkeypatch: pytest.MonkeyPatch, color: bool) -> None:
    """The bar is on the terminal's stderr; stdout stays clean, and NO_COLOR is respected."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not color:
        monkeypatch.setenv("NO_COLOR", "1")
    ours, theirs = pty.openpty()
    shown: list[str] = []
    reader = threading.Thread(target=lambda: shown.append(read_all(ours)))
    reader.start()
    output = io.StringIO()
    with os.fdopen(theirs, "w", encoding="utf-8") as terminal, redirect_stdout(output), redirect_stderr(terminal):
        command_tree()(["backtest", str(write(FALLEN))], standalone_mode=False)
    reader.join()
    assert output.getvalue().startswith("past.jsonl: 800 rows")
    assert "reading" in shown[0]
    assert "analysing" in shown[0]
    assert bool(re.search(r"\x1b\[[\d;]*3\d", shown[0])) is color


def read_all(terminal: int) -> str:
    """Return what was written to a terminal until its last writer closed it."""
    found = b""
    try:
        while chunk := os.read(terminal, 65536):
            found += chunk
    except OSError:  # Linux reports the end like this
        pass
    os.close(terminal)
    return found.decode()
