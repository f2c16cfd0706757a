"""The files of a cycle: what other tools read, without a user's text."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import yaml

from proposer.domain.cycle_artifacts import cycle_artifacts
from proposer.domain.model import PromptState
from proposer.domain.proposals import draft_example_proposals, to_event
from proposer.domain.pull_requests import PullRequest
from shared.events.evaluation import EvaluationCompleted
from tests.support.proposer import KEY, NOW, candidate, cause, regression, selected, slotted

ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
FOLDER = "cycles/bot-20260101T120000Z-01890a5d/"


def cycle(**fields: Any) -> dict[str, Any]:
    """Return the files of a cycle by name, those in JSON and YAML as values."""
    (draft,) = draft_example_proposals(PromptState(KEY, "bot"), slotted(), selected(candidate(1)), [])
    given: dict[str, Any] = {
        "proposal_id": ID, "key": KEY, "target": "bot", "state": "pending", "proposal": to_event(draft),
        "created_at": NOW, "branch": "b", "evaluate_until": NOW, **fields,
    }  # fmt: skip
    files = {name.removeprefix(FOLDER): content.decode() for name, content in cycle_artifacts(PullRequest(**given))}
    return {name: yaml.safe_load(text) if name.endswith((".yaml", ".json")) else text for name, text in files.items()}


def evaluated(**fields: Any) -> EvaluationCompleted:
    given: dict[str, Any] = {
        "project": "acme", "environment": "production", "target": "bot", "evaluation_id": uuid4(), "proposal_id": ID,
        "name": "answer", "base_digest": "sha256:a", "digest": "sha256:b", "verdict": "pass", "reason": "better",
        "report_digest": "sha256:r", "dataset": "golden", "dataset_digest": "sha256:d", "cases": 120, "excluded": 3,
        "difference": 0.1, "low": 0.05, "high": 0.15, "completed_at": NOW + timedelta(minutes=5),
    }  # fmt: skip
    return EvaluationCompleted(**{**given, **fields})


def test_a_whole_cycle() -> None:
    found = cycle(regression=regression(cause("sha256:a", "sha256:b")), evaluation=evaluated())
    run = f"mlruns/0/{ID.hex}"
    assert found["diagnostic_report.json"]["regressions"][0]["dimension"] == "thumb"
    assert found["diagnostic_report.json"]["proposal"]["traces"]["regions"] == {"unknown": 1}
    assert found["dataset_manifest.yaml"] | {"evaluated_at": ""} == {
        "name": "golden", "digest": "sha256:d", "cases": 120, "excluded": 3, "report_digest": "sha256:r",
        "evaluated_at": "",
    }  # fmt: skip
    pinned = found["deploy_patch.yaml"]["ratchet"]["prompts"]["answer"]
    assert pinned == {"digest": found[f"{run}/params/digest"], "rollbackDigest": found[f"{run}/params/base_digest"]}
    assert found[f"{run}/meta.yaml"]["end_time"] - found[f"{run}/meta.yaml"]["start_time"] == 300_000
    assert found[f"{run}/metrics/delta_pp"].split()[1:] == ["-20.0", "0"]
    assert found[f"{run}/params/verdict"] == "pass"


def test_what_is_unknown_has_no_file_and_no_value() -> None:
    found = cycle()
    assert "dataset_manifest.yaml" not in found
    assert not [name for name in found if "/metrics/" in name or name.endswith("/verdict")]
    assert (found["diagnostic_report.json"]["regressions"], found["diagnostic_report.json"]["evaluation"]) == ([], None)
    without = cycle(evaluation=evaluated(difference=None, low=None, high=None, verdict="inconclusive"))
    assert [name.rpartition("/")[2] for name in without if "/metrics/" in name] == ["cases"]


def test_no_text_of_a_user_is_in_a_file() -> None:
    assert "Question 1" not in json.dumps(cycle(evaluation=evaluated()))
