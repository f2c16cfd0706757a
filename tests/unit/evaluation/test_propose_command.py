"""`ratchet dataset propose`: which executions are read, and what is sent."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest
from typer.testing import Result

from ratchet_evaluation import propose_command
from tests.support.command_line import run_command
from tests.unit.evaluation.test_training_data import execution

REFUSAL = ("--evaluator", "refusal")


class _Server:
    """Stands for the server: five executions in chunks that cut lines, and a dataset."""

    def __init__(self) -> None:
        self.filters: dict[str, Any] = {}
        self.sent: list[Any] = []

    def get(self, path: str) -> dict[str, Any]:
        return {"target": "bot"}

    def stream(self, path: str, **filters: Any) -> Iterator[bytes]:
        self.filters = filters
        content = b"".join(json.dumps(execution(f"e{i}", input=f"Question {i}?")).encode() + b"\n" for i in range(5))
        yield from (content[i : i + 100] for i in range(0, len(content), 100))

    def post(self, path: str, body: dict[str, Any], timeout: float) -> dict[str, Any]:
        self.sent = body["cases"]
        near = [{"first": "a", "second": "b", "similarity": 0.9}]
        return {"added": len(self.sent), "repeated": 0, "problems": [], "near_duplicates": near}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> _Server:
    found = _Server()
    monkeypatch.setattr(propose_command, "session", lambda role: nullcontext(found))
    return found


def run(*words: str) -> Result:
    return run_command("dataset", "propose", "returns", *words)


def test_newest_matching_executions_become_cases(server: _Server) -> None:
    boundary = ("--from", "boundary", "--metric", "score.f", "--limit", "0.5", "--within", "0.25")
    found = run(*boundary, *REFUSAL, "--most", "3", "--yes")
    assert found.exit_code == 0, found.output
    assert "3 cases proposed" in found.output
    assert "nearly equal" in found.output
    assert [case["origin"] for case in server.sent] == [f"execution:e{i}" for i in range(3)]
    assert server.filters == {
        "target": "bot", "since": None, "until": None, "metric": "score.f", "min": 0.25, "max": 0.75,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--from", "guess", *REFUSAL), 2, "guess is none of thumb-down"),
        (("--from", "thumb-down"), 2, "--evaluator is missing"),
        (("--from", "low-score", *REFUSAL), 2, "needs a metric and a limit"),
        (("--from", "correction", "--yes"), 7, "no execution of bot matches"),
    ],
)
def test_wrong_usage_proposes_nothing(server: _Server, words: tuple[str, ...], code: int, message: str) -> None:
    found = run(*words)
    assert (found.exit_code, message in found.output, server.sent) == (code, True, [])
