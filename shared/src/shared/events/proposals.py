"""Events about proposals and the decisions about them."""

from typing import ClassVar, Literal
from uuid import UUID

from shared.events.base import AwareDatetime, Fact, TargetEvent

ProposalKind = Literal["restore", "rollback", "few_shot", "edit", "first_version"]
Verdict = Literal["approved", "rejected", "changes_requested"]
WithdrawalReason = Literal["base_changed", "evidence_withdrawn", "evidence_erased", "superseded", "resolved", "author"]
"""`evidence_withdrawn`: no answer with positive feedback is left for an example. Its earlier name
`evidence_erased` is still accepted."""


class Example(Fact):
    """One few-shot example, taken from an execution with consent. `digest` identifies its content.

    `user` is the execution's. `grant_eligible` is False if only a person may approve it: for corrections, and for
    feedback that was sent with a public key or by an unknown sender.
    """

    digest: str
    input: str
    output: str
    score: float
    feedback_id: UUID
    execution_id: str
    user: str | None = None
    grant_eligible: bool = False
    occurred_at: AwareDatetime


class ExampleSet(Fact):
    """The examples of one slot, best first, at most five. A document's slot refers to it by `digest`."""

    slot: str
    digest: str
    examples: tuple[Example, ...]


class Criterion(Fact):
    """A measurable threshold that the fix must meet: `metric` `comparison` `threshold` over `n` values."""

    metric: str
    comparison: Literal[">=", "<="]
    threshold: float
    n: int


class Evidence(Fact):
    """The reason of a proposal: the regression or the feedback; at most a sample of the ids."""

    regression_id: UUID | None = None
    feedback_ids: tuple[UUID, ...] = ()
    execution_ids: tuple[str, ...] = ()
    summary: str


class ProposalReady(TargetEvent):
    """A document that replaces a digest by a digest. `base_digest` is None for a first version.

    `rollback` is the complete document that reverts it: the base, or None for a first version.
    """

    topic: ClassVar[str] = "proposal.ready"

    proposal_id: UUID
    revision: int
    kind: ProposalKind
    name: str
    base_digest: str | None
    digest: str
    document: dict[str, object]
    diff: str
    example_sets: tuple[ExampleSet, ...] = ()
    evidence: Evidence
    acceptance: tuple[Criterion, ...]
    rollback_digest: str | None
    rollback: dict[str, object] | None
    author: str


class ProposalWithdrawn(TargetEvent):
    """A proposal was withdrawn."""

    topic: ClassVar[str] = "proposal.withdrawn"

    proposal_id: UUID
    revision: int
    reason: WithdrawalReason


class ProposalDecided(TargetEvent):
    """A person decided about a proposal (`decision_id`), or a grant covered it (`grant_id`)."""

    topic: ClassVar[str] = "proposal.decided"

    proposal_id: UUID
    revision: int
    verdict: Verdict
    name: str
    digest: str
    by: str
    decision_id: UUID | None = None
    grant_id: UUID | None = None
