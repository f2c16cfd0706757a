"""`ratchet dataset export-pairs` and `export-sft`: files, manifest and datasheet."""

import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from ratchet_evaluation import training_commands
from ratchet_evaluation.golden_files import file_digest
from tests.support.command_line import run_command
from tests.unit.evaluation.test_training_data import LIKED, execution, judgement


class _Server:
    """Stands for the server: exports by kind of feedback, and two pages of candidates."""

    def __init__(self) -> None:
        self.exported: list[Any] = []

    def stream(self, path: str, **params: Any) -> Iterator[bytes]:
        assert path == "/v1/executions/export"
        self.exported.append(params["feedback"])
        if params["feedback"] != "correction":
            yield json.dumps(execution("e1", judgement())).encode() + b"\n"

    def get(self, path: str, limit: int, cursor: str | None) -> dict[str, Any]:
        items = [LIKED] if cursor is None else [{**LIKED, "input": "I am [phone]"}]
        return {"items": items, "next": "more" if cursor is None else None}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Server:
    found = _Server()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(training_commands, "session", lambda role: nullcontext(found))
    return found


def run(*words: str) -> Result:
    return run_command("dataset", *words)


def test_pairs_have_a_manifest_and_a_datasheet(server: _Server) -> None:
    assert run("export-pairs", "pairs.jsonl", "--target", "bot", "--licence", "internal").exit_code == 0
    (row,) = map(json.loads, Path("pairs.jsonl").read_text().splitlines())
    assert (row["prompt"], row["chosen"], row["rejected"]) == ("How long?", "30 days.", "Dunno.")
    manifest = json.loads(Path("pairs.manifest.json").read_text())
    assert manifest["file"] == file_digest(Path("pairs.jsonl").read_bytes())
    assert (manifest["kind"], manifest["rows"], manifest["sources"]) == ("pairs", 1, {"preference": 1})
    assert (manifest["licence"], manifest["selection"]["target"]) == ("internal", "bot")
    assert server.exported == ["preference", "correction"]
    datasheet = Path("pairs.datasheet.md").read_text()
    assert manifest["file"] in datasheet
    assert "Ratchet starts no training" in datasheet


def test_judged_pairs_need_all_executions(server: _Server) -> None:
    assert run("export-pairs", "pairs.jsonl", "--score", "score.faithful").exit_code == 0
    assert server.exported == [None]


def test_examples_leave_out_what_was_scrubbed_and_what_is_held_out(server: _Server) -> None:
    found = run("export-sft", "sft.jsonl", "--json")
    assert json.loads(found.stdout)["left_out"] == {"personal data found": 1}
    assert json.loads(Path("sft.jsonl").read_text())["completion"] == "30 days."
    Path("golden.jsonl").write_text('{"input": "how long?", "evaluators": ["refusal"]}\n')
    held = run("export-sft", "sft.jsonl", "--force", "--hold-out", "golden.jsonl", "--json")
    assert json.loads(held.stdout)["left_out"] == {"held out": 1, "personal data found": 1}
    assert list(json.loads(Path("sft.manifest.json").read_text())["held_out"]) == ["golden.jsonl"]


def test_files_are_not_overwritten_without_force(server: _Server) -> None:
    Path("sft.datasheet.md").write_text("mine")
    found = run("export-sft", "sft.jsonl")
    assert (found.exit_code, "sft.datasheet.md exists" in found.output) == (2, True)
