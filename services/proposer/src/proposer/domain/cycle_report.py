"""The report of a regression as a file, and the copy of what its fix replaces: names and content."""

import json
from datetime import UTC, datetime
from typing import Any

from proposer.domain.pull_request_text import target_slug
from proposer.domain.pull_requests import PullRequest
from shared.events.quality import RegressionDetected


def report(found: RegressionDetected) -> dict[str, Any]:
    """Return the report: target, window (ISO 8601 interval) and the regression.

    `affected_trace_ids` are ids of executions, a sample. `delta_pp` is negative if worse; of amounts in per cent.
    """
    cause = found.causes[0].evidence if found.causes else "unknown"
    return {
        "target": found.target,
        "window": f"{_instant(found.window.start)}/{_instant(found.window.end)}",
        "regressions": [
            {
                "dimension": found.metric,
                "baseline": found.baseline.mean,
                "current": found.current.mean,
                "delta_pp": found.delta_pp,
                "affected_trace_ids": list(found.affected_executions),
                "hypothesized_cause": cause,
            }
        ],
    }


def report_file(pull: PullRequest) -> tuple[str, bytes] | None:
    """Return name and content of the report of a proposal's regression; None if it has none."""
    if pull.regression is None:
        return None
    return f"report-{file_stem(pull)}.json", encoded_json(report(pull.regression))


def rollback_file(pull: PullRequest) -> tuple[str, bytes]:
    """Return name and content of the copy of the document that a proposal replaces."""
    return f"rollback/{file_stem(pull)}.json", encoded_json(pull.proposal.rollback)


def file_stem(pull: PullRequest) -> str:
    """Return `<target>-<timestamp>` with the begin of the proposal's id, so that no two proposals share a file."""
    return f"{target_slug(pull.target)}-{pull.created_at.astimezone(UTC):%Y%m%dT%H%M%SZ}-{pull.proposal_id.hex[:8]}"


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def encoded_json(content: object) -> bytes:
    """Return indented JSON as UTF-8, with a line end."""
    return (json.dumps(content, ensure_ascii=False, indent=2, sort_keys=False) + "\n").encode()
