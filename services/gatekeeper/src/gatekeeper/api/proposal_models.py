"""Responses about proposals, their evaluations and decisions."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from gatekeeper.api.prompt_models import LiveVersionSummary
from gatekeeper.domain.stored_proposal import EvaluationRule
from shared.events.evaluation import EvaluationVerdict
from shared.events.proposals import Evidence, ExampleSet, ProposalKind, Verdict
from shared.web.response_models import NEXT, DescribedResponse

ProposalState = Literal["open", "approved", "rejected", "changes_requested", "withdrawn"]


class DecisionView(DescribedResponse):
    """A person's decision. `expires_at`: until when an approval can be used. `hash` is in the audit.

    The digests and the rule are null in decisions of earlier versions.
    """

    id: UUID
    verdict: Verdict
    by: str
    at: datetime
    reason: str
    expires_at: datetime | None
    hash: str
    evaluation_digest: str | None
    evidence_digest: str | None
    evaluation_rule: EvaluationRule | None


class CoveringGrantView(DescribedResponse):
    """The grant that a proposal went live by: who gave it, and when it was used."""

    id: UUID
    by: str
    at: datetime


class OutcomeView(DescribedResponse):
    """What became of a criterion since the promotion: the mean of `counted` of `needed` values."""

    metric: str
    comparison: Literal[">=", "<="]
    state: Literal["open", "met", "not_met"]
    counted: int
    needed: int
    mean: float | None
    decided_at: datetime | None


class CriterionView(DescribedResponse):
    """What a fix must reach: `metric` `comparison` `threshold` over `n` values. Lists have no `outcome`."""

    metric: str
    comparison: Literal[">=", "<="]
    threshold: float
    n: int
    outcome: OutcomeView | None = None


class ProposalEvaluationView(DescribedResponse):
    """The latest evaluation of a proposal. `difference` is the pass rate of the candidate minus that of the base."""

    id: UUID
    report_digest: str
    completed_at: datetime
    earlier_verdicts: list[EvaluationVerdict]
    verdict: EvaluationVerdict
    reason: str
    dataset: str
    dataset_digest: str
    cases: int
    excluded: int
    difference: float | None
    low: float | None
    high: float | None
    level: float


class AwaitedEvaluationView(DescribedResponse):
    """A requested evaluation. `by` is null if nobody asked for it."""

    requested_at: datetime
    by: str | None
    attempt: int


class ProposalView(DescribedResponse):
    """A proposal. With `brief` it has no `document`, `warnings`, `diff`, `rollback` and `example_sets`."""

    id: UUID
    project: str
    environment: str
    target: str
    name: str
    kind: ProposalKind
    base_digest: str | None
    digest: str
    author: str
    author_kind: Literal["person", "service"]
    state: ProposalState
    revision: int
    opened_at: datetime
    evidence: Evidence
    evidence_digest: str | None = None
    acceptance: list[CriterionView]
    rollback_digest: str | None
    diff: str | None = None
    rollback: dict[str, Any] | None = None
    example_sets: list[ExampleSet] = Field(default_factory=list)
    document: dict[str, Any] | None = None
    warnings: list[str] = Field(default_factory=list)
    decision: DecisionView | None
    grant: CoveringGrantView | None
    evaluation: ProposalEvaluationView | None
    awaited_evaluation: AwaitedEvaluationView | None
    evaluation_rule: EvaluationRule


class ProposalPage(DescribedResponse):
    """A page of proposals, newest first."""

    items: list[ProposalView]
    next: str | None = NEXT


class DecidedView(DescribedResponse):
    """A decided proposal, and the version that went live by it; null if none did."""

    proposal: ProposalView
    live: LiveVersionSummary | None


class RequestedEvaluationView(DescribedResponse):
    """An evaluation that was requested."""

    proposal_id: UUID
    requested: Literal[True]


class RuleView(DescribedResponse):
    """Whether approvals about a target need a passed evaluation, and its largest golden set, if it has one."""

    target: str
    rule: EvaluationRule
    chosen: Literal["required", "advisory", "default"]
    set_by: str | None
    dataset: str | None
    version: int | None
    digest: str | None
    cases: int | None
    clusters: int | None


class RulePage(DescribedResponse):
    """A page of targets with their rules."""

    items: list[RuleView]
    next: str | None = NEXT


class ChosenRuleView(DescribedResponse):
    """A rule that was chosen."""

    target: str
    rule: Literal["required", "advisory", "default"]
