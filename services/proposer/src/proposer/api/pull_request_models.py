"""Responses about pull requests."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from proposer.domain.boundary_checks import CheckName
from proposer.domain.pull_requests import PullRequestState
from shared.web.response_models import NEXT, DescribedResponse


class CheckView(DescribedResponse):
    """A check of the boundary checklist, with what it was decided by."""

    name: CheckName
    passed: bool
    evidence: str


class PullRequestView(DescribedResponse):
    """A pull request of a proposal. `reason`: why it is in its state. `in_use`: the merged version was observed."""

    proposal_id: UUID
    name: str
    target: str
    forge: str
    repository: str
    branch: str
    state: PullRequestState
    reason: str | None
    checks: list[CheckView]
    number: int | None
    url: str | None
    base_sha: str | None
    head_sha: str | None
    evaluation: Literal["pass", "fail", "inconclusive"] | None
    digest: str
    in_use: bool
    attempts: int
    next_attempt_at: datetime | None
    created_at: datetime
    changed_at: datetime


class PullRequestPage(DescribedResponse):
    """A page of pull requests, latest first."""

    items: list[PullRequestView]
    next: str | None = NEXT


class RepositoryTextView(DescribedResponse):
    """The file of a prompt. `same`: it has the text of the version in use (`digest`); null: not compared."""

    name: str
    forge: str
    repository: str
    branch: str
    path: str
    digest: str | None
    base_sha: str | None
    same: bool | None
    fault: str | None
    checked_at: datetime | None


class RepositoryTextPage(DescribedResponse):
    """A page of files, by the names of their prompts."""

    items: list[RepositoryTextView]
    next: str | None = NEXT
