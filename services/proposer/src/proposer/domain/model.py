"""The values that the proposer's rooms hand to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from ratchet.prompt import Prompt, example_digest
from shared.events import derived_id
from shared.events.proposals import Criterion, Evidence, Example, ExampleSet, ProposalKind

ProposalState = Literal["open", "withdrawn", "approved", "rejected", "changes_requested"]
"""Only what is `open` is ours to withdraw; what a person decided is never opened again."""


@dataclass(frozen=True, slots=True, order=True)
class PromptKey:
    """One prompt name in one environment. Ordered, so that rows are always locked in the same order."""

    project: str
    environment: str
    name: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A feedback that liked (or corrected) an answer, with the texts that would make the example.

    `score` is from 0.75 (a rating of 4) to 1. `user` is the execution's, a keyed hash. `contributor` is whom the
    example counts for: that user, or None where nobody vouches for one. `grant_eligible` is False for what needs a
    person's decision. `live` says that the example is served now.
    """

    key: PromptKey
    target: str
    digest: str | None
    feedback_id: UUID
    execution_id: str
    score: float
    input: str
    output: str
    input_key: str
    user: str | None
    contributor: str | None
    grant_eligible: bool
    occurred_at: datetime
    received_at: datetime
    live: bool = False

    @property
    def rank(self) -> tuple[bool, float, datetime, UUID]:
        """Sorts best first: what needs no (further) decision, then by score; on a tie what was received first.

        So nobody gets a better rank by what they claim, and a full set stays as it is.
        """
        return (not self.needs_no_person, -self.score, self.received_at, self.feedback_id)

    @property
    def needs_no_person(self) -> bool:
        """Whether a grant may cover it, or an authorisation has let it in already."""
        return self.grant_eligible or self.live

    def example(self) -> Example:
        """The form in which events carry it."""
        return Example(
            digest=example_digest({"input": self.input, "output": self.output}),
            input=self.input,
            output=self.output,
            score=self.score,
            feedback_id=self.feedback_id,
            execution_id=self.execution_id,
            user=self.user,
            grant_eligible=self.grant_eligible,
            occurred_at=self.occurred_at,
        )


@dataclass(frozen=True, slots=True)
class Objection:
    """Somebody disliked or corrected an execution's answer: what liked it earlier is no candidate any more."""

    project: str
    environment: str
    execution_id: str
    feedback_id: UUID
    received_at: datetime


@dataclass(frozen=True, slots=True)
class PromptState:
    """What is known of one prompt name. `live` is what Ratchet serves, `seen` the newest version that an app reported.

    `live_examples` counts the examples that are served in each slot, `live_example_digests` names them. `chosen` are
    the feedbacks of the example set.
    """

    key: PromptKey
    target: str
    live: str | None = None
    live_sequence: int = 0
    live_examples: Mapping[str, int] = field(default_factory=dict)
    live_example_digests: frozenset[str] = frozenset()
    seen: str | None = None
    chosen: tuple[UUID, ...] = ()

    @property
    def in_use(self) -> str | None:
        """The digest that a proposal has to replace: what is live, else what was seen last."""
        return self.live or self.seen


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as this service keeps it. `slot` is set for few-shot ones, `regression_id` for fixes.

    `content_id` follows from what is proposed, so the same is never proposed twice at a time. A withdrawal is final:
    what is proposed again after one gets another `id` (with the next `round`).
    """

    content_id: UUID
    key: PromptKey
    target: str
    kind: ProposalKind
    slot: str | None
    regression_id: UUID | None
    base_digest: str
    digest: str
    state: ProposalState = "open"
    round: int = 0

    @property
    def id(self) -> UUID:
        """The identity that others know it by."""
        return derived_id("proposal", str(self.content_id), str(self.round)) if self.round else self.content_id


@dataclass(frozen=True, slots=True)
class ProposalDraft:
    """What is to be proposed: `result` instead of `base`, with its grounds."""

    proposal: Proposal
    base: Prompt
    result: Prompt
    evidence: Evidence
    acceptance: tuple[Criterion, ...]
    example_sets: tuple[ExampleSet, ...] = ()
