"""The files of one cycle, from a regression to its proposal, for other tools: names and contents.

All are in the folder `cycles/<target>-<timestamp>-<id>`. None has a user's text.
"""

import json
from collections.abc import Iterator
from typing import Any

from proposer.domain.cycle_report import encoded_json, file_stem, report
from proposer.domain.pull_requests import PullRequest

_FINISHED = 3
_LOCAL = 4
"""MLflow's numbers of a run's status and of a source of its own."""
ArtifactFile = tuple[str, bytes]


def cycle_artifacts(pull: PullRequest) -> list[ArtifactFile]:
    """Return name and content of each file. Without an evaluation there is no manifest of its golden set."""
    folder = f"cycles/{file_stem(pull)}"
    files = [("diagnostic_report.json", encoded_json(_diagnosis(pull))), ("deploy_patch.yaml", _deploy_patch(pull))]
    if pull.evaluation is not None:
        files.append(("dataset_manifest.yaml", _yaml(_dataset(pull))))
    files += _mlflow_run(pull)
    return [(f"{folder}/{name}", content) for name, content in files]


def _diagnosis(pull: PullRequest) -> dict[str, Any]:
    """Return the report of the regression with its causes, and what was proposed and measured because of it."""
    found, proposal, evaluation = pull.regression, pull.proposal, pull.evaluation
    causes = [each.model_dump(mode="json", exclude_none=True) for each in found.causes] if found else []
    return {
        **(report(found) if found else {"target": pull.target, "window": None, "regressions": []}),
        "causes": causes,
        "certain": found.certain if found else None,
        "proposal": {
            "id": str(pull.proposal_id), "kind": proposal.kind, "prompt": proposal.name,
            "base_digest": proposal.base_digest, "digest": proposal.digest,
            "traces": proposal.evidence.traces.model_dump() if proposal.evidence.traces else None,
            "acceptance": [each.model_dump() for each in proposal.acceptance],
        },
        "evaluation": evaluation.model_dump(mode="json", exclude={"project", "environment"}) if evaluation else None,
    }  # fmt: skip


def _dataset(pull: PullRequest) -> dict[str, Any]:
    """Return which golden set the proposal was compared on; its cases stay in Ratchet, under this digest."""
    assert pull.evaluation is not None
    found = pull.evaluation
    return {
        "name": found.dataset, "digest": found.dataset_digest, "cases": found.cases, "excluded": found.excluded,
        "report_digest": found.report_digest, "evaluated_at": found.completed_at.isoformat(),
    }  # fmt: skip


def _deploy_patch(pull: PullRequest) -> bytes:
    """Return Helm values that pin the proposed version; a person applies them, or a GitOps tool after a merge."""
    proposal = pull.proposal
    pinned = {"digest": proposal.digest, "rollbackDigest": proposal.rollback_digest}
    return _yaml({"ratchet": {"environment": pull.key.environment, "prompts": {proposal.name: pinned}}})


def _mlflow_run(pull: PullRequest) -> Iterator[ArtifactFile]:
    """Yield the files of one run in the layout of MLflow's file store, in the experiment 0."""
    run, created = pull.proposal_id.hex, int(pull.created_at.timestamp() * 1000)
    ended = int(pull.evaluation.completed_at.timestamp() * 1000) if pull.evaluation else created
    yield "mlruns/0/meta.yaml", _yaml({
        "artifact_location": "", "experiment_id": "0", "lifecycle_stage": "active", "name": "Default",
        "creation_time": created, "last_update_time": created,
    })  # fmt: skip
    yield f"mlruns/0/{run}/meta.yaml", _yaml({
        "artifact_uri": "", "end_time": ended, "entry_point_name": "", "experiment_id": "0",
        "lifecycle_stage": "active", "run_id": run, "run_name": file_stem(pull), "run_uuid": run,
        "source_name": "ratchet", "source_type": _LOCAL, "source_version": "",
        "start_time": created, "status": _FINISHED, "tags": [], "user_id": "ratchet",
    })  # fmt: skip
    for name, text in _parameters(pull).items():
        yield f"mlruns/0/{run}/params/{name}", text.encode()
    for name, value in _metrics(pull).items():
        yield f"mlruns/0/{run}/metrics/{name}", f"{ended} {value!r} 0\n".encode()


def _parameters(pull: PullRequest) -> dict[str, str]:
    proposal = pull.proposal
    found = {
        "target": pull.target, "prompt": proposal.name, "kind": proposal.kind,
        "base_digest": proposal.base_digest or "", "digest": proposal.digest,
    }  # fmt: skip
    if pull.evaluation is not None:
        found |= {"verdict": pull.evaluation.verdict, "dataset_digest": pull.evaluation.dataset_digest}
    return found


def _metrics(pull: PullRequest) -> dict[str, float]:
    """Return what was measured; what is unknown has no file."""
    found: dict[str, float | None] = {}
    if pull.regression is not None:
        fell = pull.regression
        found |= {"baseline": fell.baseline.mean, "current": fell.current.mean, "delta_pp": fell.delta_pp}
    if pull.evaluation is not None:
        done = pull.evaluation
        found |= {"difference": done.difference, "low": done.low, "high": done.high, "cases": float(done.cases)}
    return {name: value for name, value in found.items() if value is not None}


def _yaml(content: object) -> bytes:
    """Return JSON, which every reader of YAML reads."""
    return (json.dumps(content, ensure_ascii=True, indent=2) + "\n").encode()
