"""Reason codes of the boundary's refusals, for the OpenAPI document: by what a route does."""

from typing import Any

from gatekeeper.domain.errors import BoundaryError
from shared.web.problem_docs import problems

AUTHORITY = ("unknown-key", "not-allowed", "other-environment")
"""Of every function of the boundary: it verifies the key again."""
SUBJECT = ("subject-invalid", "subject-confusable")
LINK = ("unknown-link", "link-used", "link-expired", "link-void")
PROMOTION = (
    *("already-decided", "already-used", "altered", "author-made-link", "base-changed", "digest-mismatch", "expired"),
    *("example-revoked", "grant-rate", "grant-revoked", "grant-used-up", "halted", "immutable", "needs-person"),
    *("evaluation-changed", "evaluation-missing", "evaluation-not-passed", "evaluation-stale"),
    *("never-live", "no-change", "not-approved", "not-live", "nothing-before", "outside-slot", "own-proposal"),
    *("project-halted", "prompt-not-live", "sequence", "unknown-decision", "unknown-examples", "unknown-grant"),
    *("other-plan", "plan-needs-base", "rollout-changed", "rollout-ended", "rollout-open", "rollout-state"),
    *("step-minimum", "unknown-rollout"),
    *("unknown-project", "unknown-proposal", "unknown-version", "withdrawn"),
)
"""Of functions that make a version live or check whether it could be."""


def refusals(*codes: str) -> dict[str, Any]:
    """Return the `openapi_extra` of a route whose functions of the boundary refuse with these codes."""
    by_status: dict[int, list[str]] = {}
    for code in codes:
        by_status.setdefault(BoundaryError(code, "").status, []).append(code)
    return {"responses": {str(status): response for status, response in problems(by_status).items()}}
