"""Value types of pull requests, and when they are tried again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from proposer.domain.boundary_checks import BoundaryCheck
from proposer.domain.model import PromptKey
from shared.events.evaluation import EvaluationCompleted
from shared.events.proposals import ProposalReady
from shared.events.quality import RegressionDetected

PullRequestState = Literal["pending", "stopped", "unsupported", "open", "merged", "closed", "withdrawn", "failed"]
"""`pending`: to be opened; waits for the evaluation or the forge. `stopped`: a check failed. `unsupported`: the change
doesn't fit into the file. `closed`: by a person, on the forge. `withdrawn`: by Ratchet. `failed`: refused for good."""
FINAL_STATES: frozenset[PullRequestState] = frozenset(
    {"stopped", "unsupported", "merged", "closed", "withdrawn", "failed"}
)

FaultKind = Literal["unavailable", "limited", "refused", "invalid"]
"""`unavailable`: no answer or 5xx; `limited`: too many requests; `refused`: 401, 403, 404; `invalid`: 400, 409, 422."""

_FIRST_RETRY = timedelta(seconds=5)
_LONGEST_RETRY = timedelta(minutes=15)
_REFUSED_RETRY = timedelta(minutes=15)
_MAX_INVALID = 5


@dataclass(frozen=True, slots=True)
class PullRequest:
    """A pull request of a proposal. `head_sha` is the commit that Ratchet wrote, `base_sha` the one it is based on.

    `proposal` has no examples. `token` fences: only the instance with the latest one may save.
    """

    proposal_id: UUID
    key: PromptKey
    target: str
    state: PullRequestState
    proposal: ProposalReady
    created_at: datetime
    branch: str
    evaluate_until: datetime
    evaluation: EvaluationCompleted | None = None
    regression: RegressionDetected | None = None
    is_wanted: bool = True
    reason: str | None = None
    checks: tuple[BoundaryCheck, ...] = ()
    number: int | None = None
    url: str | None = None
    base_sha: str | None = None
    head_sha: str | None = None
    body_digest: str | None = None
    attempts: int = 0
    token: int = 0
    file_digest: str | None = None


def retry_after(kind: FaultKind, attempts: int, asked: float | None = None) -> timedelta | None:
    """Return how long to wait before the next attempt; None if there is none.

    `attempts` were made so far. `asked` are the seconds that the forge wants, which are kept to, up to an hour.
    """
    if kind == "invalid" and attempts >= _MAX_INVALID:
        return None
    if asked is not None:
        return timedelta(seconds=min(max(asked, 1.0), 3600.0))
    if kind == "refused":
        return _REFUSED_RETRY
    return min(_FIRST_RETRY * (1 << min(attempts, 10)), _LONGEST_RETRY)


def may_open(pull: PullRequest, now: datetime) -> bool:
    """Return whether the evaluation is there, or was waited for long enough."""
    return pull.evaluation is not None or now >= pull.evaluate_until
