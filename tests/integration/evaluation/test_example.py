"""The example in examples/evaluation, run as its documentation says, and its workflow."""

import json
import subprocess
import sys
from pathlib import Path

import yaml
from typer.testing import CliRunner

from ratchet.cli.app import app

EXAMPLE = Path(__file__).parents[3] / "examples" / "evaluation"


def run_example(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("ratchet")), "eval", "--dataset", "cases.jsonl"]
    return subprocess.run(
        [*command, "--worker", "my_app:answer", *words], cwd=EXAMPLE, capture_output=True, text=True, check=False
    )


def test_the_new_prompt_passes(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    words = ("--prompt", "prompt.txt", "--baseline", "old.txt", "--min-pass-rate", "0.85")
    found = run_example(*words, "--jobs", "2", "--report", str(report))
    assert (found.returncode, found.stdout.split(":")[0]) == (0, "pass"), found.stderr
    again = run_example(*words, "--jobs", "1", "--json")
    assert json.loads(again.stdout)["digest"] == json.loads(report.read_text())["digest"]


def test_the_old_prompt_fails_against_the_new_one() -> None:
    found = run_example("--prompt", "old.txt", "--baseline", "prompt.txt")
    assert (found.returncode, "protected cases: new failures: privacy" in found.stdout) == (1, True), found.stderr


def test_flags_of_the_workflow_exist() -> None:
    workflow = yaml.safe_load((EXAMPLE / "github-workflow.yaml").read_text())
    (script,) = [step["run"] for step in workflow["jobs"]["evaluate"]["steps"] if step.get("name") == "Evaluate"]
    help_text = CliRunner().invoke(app, ["eval", "--help"], env={"COLUMNS": "200"}).stdout
    flags = [word for word in script.split() if word.startswith("--")]
    assert len(flags) >= 8
    assert [flag for flag in flags if flag not in help_text] == []
