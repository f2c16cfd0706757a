"""Responses of the proposer."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.events.proposals import ProposalKind
from shared.web.response_models import NEXT, DescribedResponse


class ExampleCandidateView(DescribedResponse):
    """A candidate of a few-shot example; `chosen`: it is in the example set now."""

    name: str
    target: str
    feedback_id: UUID
    execution_id: str
    score: float
    input: str
    output: str
    user: str | None
    grant_eligible: bool
    corrected: bool
    approved: bool
    chosen: bool
    occurred_at: datetime
    received_at: datetime


class CandidatePage(DescribedResponse):
    """A page of candidates, best first."""

    items: list[ExampleCandidateView]
    next: str | None = NEXT


class DraftView(DescribedResponse):
    """A regression with its proposal, or the reason why there is none."""

    regression_id: UUID
    target: str
    name: str | None
    state: Literal["open", "resolved"]
    proposal_id: UUID | None
    proposal_state: Literal["open", "withdrawn", "approved", "rejected", "changes_requested"] | None
    kind: ProposalKind | None
    reason: str | None
    detail: str | None
    changed_at: datetime


class DraftPage(DescribedResponse):
    """A page of drafts, latest change first."""

    items: list[DraftView]
    next: str | None = NEXT
