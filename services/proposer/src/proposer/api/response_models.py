"""Responses of the proposer."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from proposer.domain.suggestions import SuggestionKind
from shared.events.feedback import Confidentiality
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


class SuggestionView(DescribedResponse):
    """What a person may do; nothing carries it out by itself."""

    kind: SuggestionKind
    text: str


class DraftView(DescribedResponse):
    """A regression with its proposal, or why there is none; with a suggestion where no prompt explains it."""

    regression_id: UUID
    target: str
    name: str | None
    state: Literal["open", "resolved"]
    proposal_id: UUID | None
    proposal_state: Literal["open", "withdrawn", "approved", "rejected", "changes_requested"] | None
    kind: ProposalKind | None
    reason: str | None
    detail: str | None
    suggestion: SuggestionView | None
    changed_at: datetime


class DraftPage(DescribedResponse):
    """A page of drafts, latest change first."""

    items: list[DraftView]
    next: str | None = NEXT


class TuningSettingsView(DescribedResponse):
    """Settings of tuning. `schedule` is a cron expression of five fields in `time_zone`; null: no batch runs.

    `regions` and `confidentiality` (the highest): of which data answers may be used; null: not declared.
    """

    realtime_min_rating: float
    batch_min_rating: float
    window_days: int
    max_examples: int
    max_tokens: int
    schedule: str | None
    time_zone: str
    regions: list[str] | None
    confidentiality: Confidentiality | None
    allow_unknown_data: bool


class TargetTuningView(TuningSettingsView):
    """The settings of one target."""

    target: str


class TuningSettingsList(DescribedResponse):
    """The settings of targets that have their own, and the defaults of all others."""

    defaults: TuningSettingsView
    items: list[TargetTuningView]


class TuningCandidateView(DescribedResponse):
    """A candidate with its rating from 1 to 5."""

    feedback_id: UUID
    input: str
    output: str
    rating: float
    created_at: datetime


class TuningCandidateList(DescribedResponse):
    """Candidates, best first."""

    candidates: list[TuningCandidateView]
    count: int
    template_id: str


class TunedView(DescribedResponse):
    """What came of tuning a prompt: `added_count` examples are live now, or `proposal_ids` wait for a decision."""

    added_count: int
    total_examples: int
    template_id: str
    examples: list[TuningCandidateView]
    status: Literal["applied", "proposed", "unchanged"]
    proposal_ids: list[UUID]


class AllTunedView(DescribedResponse):
    """What came of tuning all prompts."""

    tuned_count: int
    total_templates: int
    total_examples_added: int
    proposed_count: int
    status: Literal["applied", "proposed", "unchanged"]


class TemplateView(DescribedResponse):
    """The version of a prompt that is in use. `managed`: Ratchet serves it. `document` is null if it is not known."""

    template_id: str
    target: str
    digest: str
    managed: bool
    total_examples: int
    examples_by_slot: dict[str, int]
    document: dict[str, Any] | None
