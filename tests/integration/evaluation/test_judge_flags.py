"""`ratchet eval --judge` with a real endpoint on this machine: requests, decisions, cache and exit codes."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from typer.testing import CliRunner, Result

from ratchet.cli.app import app
from ratchet.prompt import Prompt
from ratchet_evaluation import worker_pool
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.cases import GoldenCase
from tests.support.evaluation import FunctionAnswerer
from tests.support.judge_server import JudgeServer, judge_server

Invoke = Callable[..., Result]
LONG = "A whole sentence, which says what to do."


class _App(FunctionAnswerer):
    """Answers a sentence if the prompt wants one."""

    def __init__(self, function: str, size: int, timeout_s: float) -> None:
        super().__init__(lambda prompt, case: AppAnswer(_answer(prompt, case)))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return


def _answer(prompt: Prompt, case: GoldenCase) -> str:
    return f"{LONG} {case.id}" if "sentence" in str(prompt.to_dict()) else f"yes {case.id}"


@pytest.fixture(scope="module")
def server() -> Iterator[JudgeServer]:
    with judge_server() as running:
        yield running


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: JudgeServer) -> Invoke:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(worker_pool, "WorkerPool", _App)
    monkeypatch.setenv("RATCHET_JUDGE_URL", server.url)
    monkeypatch.setenv("RATCHET_JUDGE_API_KEY", "judge-key")
    monkeypatch.setenv("RATCHET_JUDGE_CALLS_PER_MINUTE", "100000")
    rows = ({"id": f"case-{i}", "input": f"Question {i}?"} for i in range(12))
    Path("cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("good.txt").write_text("Answer in a sentence. {{question}}")
    Path("bad.txt").write_text("{{question}}")
    Path("judge.json").write_text(json.dumps({"name": "helpful", "rubric": "Does it help?", "model": "judge-1"}))
    labels = [{"input": "a", "output": f"{LONG if i % 2 else 'yes'} {i}", "people": i % 2} for i in range(40)]
    Path("labels.jsonl").write_text("".join(json.dumps(row) + "\n" for row in labels))
    server.requests.clear()

    def run(*words: str) -> Result:
        fixed = ("eval", "--dataset", "cases.jsonl", "--worker", "a:b", "--evaluator", 'length={"min": 1}')
        return CliRunner().invoke(app, (*fixed, "--judge", "judge.json", "--min-pass-rate", "0.9", *words))

    return run


def _judge_of(result: Result) -> dict[str, Any]:
    [judge] = json.loads(result.stdout)["content"]["judges"]
    assert isinstance(judge, dict)
    return judge


def test_without_labels_a_judge_is_shown_and_decides_nothing(invoke: Invoke, server: JudgeServer) -> None:
    result = invoke("--prompt", "bad.txt", "--json")
    assert result.exit_code == 0, result.output
    judge = _judge_of(result)
    assert (judge["decides"], judge["answers"], judge["unknown"]) == (False, 12, 0)
    [metric] = [each for each in json.loads(result.stdout)["content"]["metrics"] if each["name"] == "judge.helpful"]
    assert metric["candidate"] == 0
    assert server.authorisations == {"Bearer judge-key"}
    assert len(server.requests) == 12
    assert "at most about 12 calls" in result.stderr


def test_a_judge_that_agrees_with_people_decides(invoke: Invoke) -> None:
    bad = invoke("--prompt", "bad.txt", "--judge-labels", "labels.jsonl", "--json")
    assert bad.exit_code == 1, bad.output
    assert _judge_of(bad)["agreement"]["value"] == 1
    good = invoke("--prompt", "good.txt", "--judge-labels", "labels.jsonl", "--json")
    assert good.exit_code == 0, good.output


def test_what_was_judged_is_not_judged_again(invoke: Invoke, server: JudgeServer) -> None:
    first = invoke("--prompt", "good.txt", "--json")
    server.requests.clear()
    second = invoke("--prompt", "good.txt", "--json")
    assert server.requests == []
    assert json.loads(first.stdout)["digest"] == json.loads(second.stdout)["digest"]
    assert json.loads(second.stdout)["measurements"]["judges"]["calls"] == 0


def test_a_budget_leaves_the_rest_unknown(invoke: Invoke, server: JudgeServer) -> None:
    result = invoke("--prompt", "good.txt", "--judge-labels", "labels.jsonl", "--judge-max-tokens", "3000", "--json")
    judge = _judge_of(result)
    used = json.loads(result.stdout)["measurements"]["judges"]
    assert judge["unknown"] > 0
    assert used["input_tokens"] + used["output_tokens"] <= 3000
    assert used["calls"] == len(server.requests) < 52


def test_garbage_is_unknown_and_never_a_zero(invoke: Invoke, server: JudgeServer) -> None:
    server.respond, before = (lambda body: "<html>"), server.respond
    try:
        result = invoke("--prompt", "good.txt", "--json")
    finally:
        server.respond = before
    assert _judge_of(result)["unknown"] == 12
    [metric] = [each for each in json.loads(result.stdout)["content"]["metrics"] if each["name"] == "judge.helpful"]
    assert (metric["candidate"], metric["unknown"]) == (None, 12)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--metric", "judge.helpful"), 2, "decides only with --judge-labels"),
        (("--judge", "cases.jsonl"), 2, "cases.jsonl"),
        (("--judge-max-usd", "1"), 2, "RATCHET_JUDGE_INPUT_PRICE"),
        (("--judge-labels", "judge.json"), 2, "line 1"),
    ],
)
def test_wrong_flags_are_named(invoke: Invoke, words: tuple[str, ...], code: int, message: str) -> None:
    result = invoke("--prompt", "good.txt", *words)
    assert result.exit_code == code
    assert message in result.stderr


def test_without_an_endpoint_judges_are_unavailable(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RATCHET_JUDGE_URL")
    result = invoke("--prompt", "good.txt")
    assert result.exit_code == 2
    assert "RATCHET_JUDGE_URL" in result.stderr
