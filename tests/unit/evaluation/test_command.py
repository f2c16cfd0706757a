"""`ratchet eval`, `ratchet bisect` and `ratchet dataset`: flags, files, texts and exit codes; the app is a function."""

import json
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import pytest
from typer.testing import Result

from ratchet.prompt import Prompt, from_text
from ratchet_evaluation import command_inputs, worker_pool
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.cases import GoldenCase
from tests.support.command_line import run_command
from tests.support.evaluation import FunctionAnswerer

Invoke = Callable[..., Result]


class _FakePool(FunctionAnswerer):
    """Answers "yes" if the prompt says so; stands for the processes of an app."""

    def __init__(self, function: str, size: int, timeout_s: float) -> None:
        super().__init__(_respond)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        return


def _respond(prompt: Prompt, case: GoldenCase) -> AppAnswer:
    return AppAnswer("yes" if "Say yes" in str(prompt.to_dict()) else "no")


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Return a function that runs `ratchet` in a directory with 12 cases and the prompts good.txt and bad.txt."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(worker_pool, "WorkerPool", _FakePool)
    rows = ({"id": f"case-{i}", "input": f"Question {i}?"} for i in range(12))
    Path("cases.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("good.txt").write_text("Say yes. {{question}}")
    Path("bad.txt").write_text("{{question}}")

    def run(*words: str) -> Result:
        return run_command(*words)

    return run


CONTAINS = ("--evaluator", 'contains={"values": ["yes"]}')
GOOD = ("eval", "--dataset", "cases.jsonl", "--worker", "a:b", "--prompt", "good.txt", *CONTAINS)
BAD = ("eval", "--dataset", "cases.jsonl", "--worker", "a:b", "--prompt", "bad.txt", *CONTAINS)


@pytest.mark.parametrize(
    ("words", "code", "verdict"),
    [
        ((*GOOD, "--baseline", "bad.txt", "--goal", "better"), 0, "pass"),
        ((*BAD, "--baseline", "good.txt"), 1, "fail"),
        ((*GOOD, "--baseline", "good.txt"), 6, "inconclusive"),
        ((*GOOD, "--min-pass-rate", "0.85"), 0, "pass"),
        ((*BAD, "--min-pass-rate", "0.85"), 1, "fail"),
    ],
)
def test_verdict_and_exit_code(invoke: Invoke, words: tuple[str, ...], code: int, verdict: str) -> None:
    result = invoke(*words)
    assert (result.exit_code, result.stdout.split(":")[0]) == (code, verdict)


def test_reports_are_written_and_the_digest_is_reproducible(invoke: Invoke) -> None:
    files = ("--report", "r.json", "--html", "r.html", "--junit", "r.xml", "--markdown", "r.md")
    first = invoke(*GOOD, "--min-pass-rate", "0.5", *files, "--json")
    written = json.loads(Path("r.json").read_text())
    assert json.loads(first.stdout) == written
    assert json.loads(invoke(*GOOD, "--min-pass-rate", "0.5", "--json").stdout)["digest"] == written["digest"]
    assert written["digest"] in Path("r.md").read_text()
    assert Path("r.xml").read_text().startswith("<?xml")
    assert Path("r.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (GOOD, "give --baseline or --min-pass-rate"),
        ((*GOOD, "--min-pass-rate", "85"), "less than or equal to 1"),
        ((*GOOD, "--min-pass-rate", "nan"), "less than or equal to 1"),
        ((*GOOD, "--min-pass-rate", "1", "--metric", "faithfulness"), "no case has the evaluator faithfulness"),
        ((*GOOD, "--min-pass-rate", "1", "--html", "none/r.html"), "--html: the directory none does not exist"),
        ((*GOOD, "--min-pass-rate", "1", "--evaluator", "nope"), "--evaluator nope.name: is not an evaluator"),
        ((*GOOD, "--min-pass-rate", "1", "--evaluator", "length={"), "--evaluator length: must have its parameters"),
        ((*GOOD, "--min-pass-rate", "1", "--evaluator", "length=[1]"), "--evaluator length: must have its parameters"),
        (("dataset", "cases.jsonl"), "cases.jsonl line 1: evaluators: is missing"),
        (("dataset", "cases.jsonl", *CONTAINS, "--licence", "x"), "--name and --licence are written with --manifest"),
    ],
)
def test_wrong_usage(invoke: Invoke, words: tuple[str, ...], message: str) -> None:
    result = invoke(*words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


def test_an_invalid_prompt_is_named(invoke: Invoke) -> None:
    Path("good.json").write_text('{"schema": "ratchet.prompt/1"}')
    result = invoke(*(word.replace("good.txt", "good.json") for word in GOOD), "--min-pass-rate", "1")
    assert (result.exit_code, result.stderr) == (2, "ratchet: --prompt: good.json: messages: is missing\n")


def test_a_worker_that_can_not_be_imported_is_wrong_usage(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise worker_pool.UnusableWorker("a:b: ModuleNotFoundError: No module named 'a'")

    monkeypatch.setattr(worker_pool, "WorkerPool", refuse)
    result = invoke(*GOOD, "--min-pass-rate", "1")
    assert (result.exit_code, result.stderr) == (
        2,
        "ratchet: --worker: a:b: ModuleNotFoundError: No module named 'a'\n",
    )


def test_a_manifest_is_written_and_then_checked(invoke: Invoke) -> None:
    written = invoke("dataset", "cases.jsonl", "--manifest", "--name", "support", "--licence", "CC0-1.0", *CONTAINS)
    assert written.exit_code == 0
    assert "support: 12 cases, 12 independent, 0 protected" in written.stdout
    found = json.loads(invoke("dataset", "cases.jsonl", "--json").stdout)
    assert (found["name"], found["licence"], found["evaluators"]) == ("support", "CC0-1.0", {"contains": 12})
    assert invoke(*GOOD[:-2], "--min-pass-rate", "1").exit_code == 0

    with Path("cases.jsonl").open("a") as file:
        file.write('{"input": "Another?"}\n')
    refused = invoke(*GOOD[:-2], "--min-pass-rate", "1")
    assert (refused.exit_code, "run `ratchet dataset --manifest`" in refused.stderr) == (2, True)
    assert invoke("dataset", "cases.jsonl", "--manifest").exit_code == 0
    assert json.loads(invoke("dataset", "cases.jsonl", "--json").stdout)["name"] == "support"


def test_near_duplicates_are_listed(invoke: Invoke) -> None:
    result = invoke("dataset", "cases.jsonl", *CONTAINS)
    assert result.exit_code == 0
    Path("cases.jsonl").write_text(
        '{"id": "a", "input": "Where is the parcel that I ordered last week?"}\n'
        '{"id": "b", "input": "Where is the parcel that I ordered last week ?"}\n'
    )
    assert "1 pairs of cases are nearly equal" in invoke("dataset", "cases.jsonl", *CONTAINS).stdout


BISECT = (
    "bisect",
    "--dataset",
    "many.jsonl",
    "--worker",
    "a:b",
    "--good",
    "good.txt",
    "--bad",
    "edited.txt",
    *CONTAINS,
)


@pytest.fixture
def edited(invoke: Invoke) -> Invoke:
    """`invoke`, with 80 cases and a prompt edited.txt that lost a line and has two new ones."""
    rows = ({"id": f"case-{i}", "input": f"Question {i}?"} for i in range(80))
    Path("many.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    Path("good.txt").write_text("Hello.\nSay yes.\n{{question}}")
    Path("edited.txt").write_text("Hello!\n{{question}}\nThank you.")
    return invoke


def test_the_harmful_line_is_found_and_the_rest_of_the_edit_is_kept(edited: Invoke) -> None:
    found = edited(*BISECT, "--fix", "fix.json")
    assert found.exit_code == 0, found.output
    assert "change 2: -100.0 pp" in found.output
    fixed = json.loads(Path("fix.json").read_text())
    assert fixed["messages"][0]["content"] == "Hello!\nSay yes.\n{{question}}\nThank you."
    again = json.loads(edited(*BISECT, "--json").stdout)
    assert [each["verdict"] for each in again["changes"]] == ["not worse", "worse", "not worse"]
    assert again["fixed"]["conclusion"] == "not worse"
    assert again["answers"] < 3 * 80


def test_exit_codes_of_bisect(edited: Invoke) -> None:
    same = ("--bad", "good.txt")
    assert edited(*BISECT, *same).exit_code == 2
    assert edited(*BISECT, "--metric", "similarity").exit_code == 2
    Path("edited.txt").write_text("Hello!\nSay yes.\n{{question}}")
    assert edited(*BISECT).exit_code == 1
    assert edited(*BISECT, "--dataset", "cases.jsonl").exit_code == 6


class _Server:
    """Stands for the server's published set and its documents; `asked` has the paths."""

    def __init__(self, prompt: Prompt, cases: bytes, manifest: bytes) -> None:
        self.prompt, self.files, self.asked = prompt, {"export": cases, "manifest": manifest}, list[str]()

    def get(self, path: str) -> dict[str, Any]:
        self.asked.append(path)
        return {"latest": {"digest": "sha256:latest"}}

    def stream(self, path: str) -> Iterator[bytes]:
        self.asked.append(path)
        yield self.files[path.rpartition("/")[2]]

    def version(self, role: str, path: str) -> dict[str, Any]:
        self.asked.append(path)
        return {"document": self.prompt.to_dict()}


@pytest.fixture
def server(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> _Server:
    """A server that has the cases as the dataset `returns`, and the prompt good.txt by its digest."""
    assert invoke("dataset", "cases.jsonl", "--manifest", *CONTAINS).exit_code == 0
    cases, manifest = Path("cases.jsonl").read_bytes(), Path("cases.manifest.json").read_bytes()
    Path("cases.jsonl").unlink()
    found = _Server(from_text("Say yes. {{question}}"), cases, manifest)
    monkeypatch.setattr(command_inputs, "session", lambda role: nullcontext(found))
    monkeypatch.setattr(command_inputs, "get", found.version)
    return found


@pytest.mark.parametrize(("named", "digest"), [("returns", "sha256:latest"), ("returns@sha256:older", "sha256:older")])
def test_cases_and_prompts_of_the_server_are_evaluated(
    invoke: Invoke, server: _Server, named: str, digest: str
) -> None:
    words = ("eval", "--worker", "a:b", "--dataset", named, "--goal", "better", "--junit", "r.xml")
    result = invoke(*words, "--prompt", server.prompt.digest, "--baseline", "bad.txt")
    assert (result.exit_code, result.stdout.split(":")[0]) == (0, "pass")
    assert f"/v1/datasets/returns/versions/{quote(digest)}/export" in server.asked
    assert server.asked[-1] == f"/v1/versions/{quote(server.prompt.digest)}"
    assert Path("r.xml").exists()


def test_altered_set_of_the_server_is_refused(invoke: Invoke, server: _Server) -> None:
    server.files["export"] += b'{"id": "more", "input": "?"}\n'
    result = invoke("eval", "--worker", "a:b", "--dataset", "returns", "--prompt", "good.txt", "--min-pass-rate", "1")
    assert result.exit_code == 2
    assert "is not the digest of returns.jsonl" in result.output


def test_document_with_another_digest_is_refused(invoke: Invoke, server: _Server) -> None:
    wanted = f"sha256:{'0' * 64}"
    result = invoke("eval", "--worker", "a:b", "--dataset", "returns", "--prompt", wanted, "--min-pass-rate", "1")
    assert result.exit_code == 1
    assert f"has the digest {server.prompt.digest}" in result.output.replace("\n", "")


def test_file_that_does_not_exist_is_no_dataset(invoke: Invoke) -> None:
    result = invoke("eval", "--worker", "a:b", "--dataset", "other.jsonl", "--prompt", "good.txt")
    assert (result.exit_code, result.output.strip()) == (2, "ratchet: --dataset: there is no file other.jsonl")
    result = invoke("eval", "--worker", "a:b", "--dataset", "cases.jsonl", "--prompt", "other.txt", *CONTAINS)
    assert result.exit_code == 2
    assert "--prompt: other.txt" in result.output
