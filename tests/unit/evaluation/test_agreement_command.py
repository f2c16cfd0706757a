"""`ratchet agreement`: files, joins, limits and exit codes."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.command_line import run_command


def agreement(*words: str) -> Any:
    return run_command("agreement", *words)


def write(file: Path, *rows: object) -> str:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(file)


@pytest.fixture
def labels(tmp_path: Path) -> str:
    """Return a file with 20 items; the judge `strict` is right about good and bad from 0.8 on, `coin` by chance."""
    rows = [
        {"id": i, "people": i % 2, "strict": 0.9 if i % 2 else 0.7, "coin": i % 4 > 1, "kind": "ab"[i % 2]}
        for i in range(20)
    ]
    return write(tmp_path / "labels.jsonl", *rows)


def test_judges_have_limits_of_their_own(labels: str) -> None:
    found = agreement(labels, "--people", "people", "--judge", "strict", "--judge", "strict=0.8", "--json")
    lenient, strict = json.loads(found.stdout)["judges"]
    assert (lenient["kappa"]["value"], lenient["agreed"]) == (0.0, 0.5)
    assert (strict["kappa"]["value"], strict["good_from"], strict["kappa"]["n"]) == (1.0, 0.8, 20)
    assert strict["spearman"]["value"] == pytest.approx(1.0)


@pytest.mark.parametrize(("judge", "code"), [("strict=0.8", 0), ("coin", 1)])
def test_a_judge_below_the_limit_fails(labels: str, judge: str, code: int) -> None:
    assert agreement(labels, "--people", "people", "--judge", judge, "--min-kappa", "0.5").exit_code == code


def test_too_few_labels_decide_nothing(tmp_path: Path) -> None:
    file = write(tmp_path / "few.jsonl", *({"people": i % 2, "judge": i % 2} for i in range(4)))
    found = agreement(file, "--people", "people", "--judge", "judge", "--min-kappa", "0.5")
    assert found.exit_code == 6
    assert "1.00 [too few]" in found.output


def test_files_are_joined_and_gaps_are_counted(tmp_path: Path) -> None:
    people = write(tmp_path / "a.jsonl", *({"id": i, "people": i % 2} for i in range(20)))
    judge = write(tmp_path / "b.jsonl", *({"id": i, "judge": i % 2 if i else None} for i in range(15)))
    found = agreement(people, judge, "--on", "id", "--people", "people", "--judge", "judge")
    assert found.exit_code == 0, found.output
    assert "judge: 1 without both labels are left out" in found.output
    assert "14 " in found.output


def test_groups_are_shown_after_all(labels: str) -> None:
    found = agreement(labels, "--people", "people", "--judge", "coin", "--by", "kind", "--json")
    assert [each["group"] for each in json.loads(found.stdout)["judges"]] == [None, "a", "b"]
    assert json.loads(found.stdout)["judges"][1]["spearman"]["value"] is None, "people said the same of all of them"


@pytest.mark.parametrize(
    ("rows", "words", "message"),
    [
        (['{"people": 1, "judge": "good"}'], (), "judge: 'good' is not a number"),
        (["nothing"], (), "line 1: is not a JSON object"),
        (['{"people": 1}', "", '{"people": 1}'], ("--on", "people"), "line 3: the same people occurred before"),
        (['{"judge": 1}'], ("--on", "people"), "line 1: people is missing"),
        (['{"people": 1}'], ("twice",), "--on: name the fields"),
    ],
)
def test_wrong_input_is_named(tmp_path: Path, rows: list[str], words: tuple[str, ...], message: str) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text("\n".join(rows))
    files = [str(file)] * (2 if words else 1)
    found = agreement(*files, "--people", "people", "--judge", "judge", *(words if words != ("twice",) else ()))
    assert found.exit_code == 2
    assert message in found.output.replace("\n", " ")
