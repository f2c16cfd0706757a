"""Value types of the proposer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from proposer.domain.data_rules import TraceData, has_personal_data
from ratchet.prompt import Prompt, example_digest
from shared.events import derived_id
from shared.events.feedback import Confidentiality
from shared.events.proposals import Criterion, Evidence, Example, ExampleSet, ProposalKind

ProposalState = Literal["open", "withdrawn", "approved", "rejected", "changes_requested"]
"""Only an `open` proposal can be withdrawn; a decided one is never opened again."""


@dataclass(frozen=True, slots=True, order=True)
class PromptKey:
    """One prompt name in one environment. Ordered, so that rows are always locked in the same order."""

    project: str
    environment: str
    name: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A positive feedback or a correction, with the input and output of the example that it would make.

    `score` is from 0.75 (a rating of 4) to 1. `user` is the execution's user, a keyed hash. `contributor` is the user
    that the example counts for; None if no secret key named one. `grant_eligible` is False where a person must decide.
    `live` is whether the example is live now. `author` is who wrote a correction, a keyed hash. `corrected`: the output
    is a correction. `approved`: a person approved the version that brought the example. `trusted`: a secret key sent
    the feedback. `region` and `confidentiality` are the execution's.
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
    author: str | None = None
    corrected: bool = False
    approved: bool = False
    trusted: bool = False
    region: str | None = None
    confidentiality: Confidentiality | None = None

    @property
    def data(self) -> TraceData:
        """What is known of the data of its trace."""
        return TraceData(self.region, self.confidentiality, has_personal_data(self.input, self.output))

    @property
    def rank(self) -> tuple[bool, float, datetime, UUID]:
        """Sort key, best first: those that need no decision, then by score, then by when they were received.

        Nothing in it can be claimed by a sender, and a tie leaves a full set unchanged.
        """
        return (not self.needs_no_decision, -self.score, self.received_at, self.feedback_id)

    @property
    def needs_no_decision(self) -> bool:
        """Whether a grant may cover the example, or it is live already."""
        return self.grant_eligible or self.live

    @property
    def tokens(self) -> int:
        """An estimate of the example's tokens: a quarter of its bytes in UTF-8."""
        return (len(self.input.encode()) + len(self.output.encode()) + 3) // 4

    @property
    def example_digest(self) -> str:
        """The digest of the example's content."""
        return example_digest({"input": self.input, "output": self.output})

    def example(self) -> Example:
        """Return the example as events carry it."""
        return Example(
            digest=self.example_digest,
            input=self.input,
            output=self.output,
            score=self.score,
            feedback_id=self.feedback_id,
            execution_id=self.execution_id,
            user=self.user,
            author=self.author,
            grant_eligible=self.grant_eligible,
            occurred_at=self.occurred_at,
        )


@dataclass(frozen=True, slots=True)
class Objection:
    """A negative feedback on or a correction of an execution: earlier candidates of the execution are excluded."""

    project: str
    environment: str
    execution_id: str
    feedback_id: UUID
    received_at: datetime


@dataclass(frozen=True, slots=True)
class PromptState:
    """The state of one prompt. `live` is the digest that Ratchet serves, `seen` the latest that an app reported.

    `live_examples` is the number of live examples of each slot, `live_example_digests` are their digests. `chosen` are
    the feedback ids of the example set, in order; `chosen_eligible` those of the set that needs no decision.
    `pool_token` changes with the candidates.
    """

    key: PromptKey
    target: str
    live: str | None = None
    live_sequence: int = 0
    live_examples: Mapping[str, int] = field(default_factory=dict)
    live_example_digests: frozenset[str] = frozenset()
    seen: str | None = None
    chosen: tuple[UUID, ...] = ()
    chosen_eligible: tuple[UUID, ...] = ()
    pool_token: UUID | None = None

    @property
    def in_use(self) -> str | None:
        """The digest that a proposal must replace: `live`, else `seen`."""
        return self.live or self.seen


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposal as this service stores it. `slot` is set for example sets, `regression_id` for fixes.

    `content_id` is derived from the content, so the same content is open at most once. A withdrawal is final: the same
    content is proposed again under another `id`, in the next `round`. `members` are the feedback ids of an example set.
    `is_settled`: the evaluation of the set has a verdict, or waited too long for one.
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
    members: tuple[UUID, ...] = ()
    is_settled: bool = False

    @property
    def id(self) -> UUID:
        """The proposal id in events and APIs."""
        return derived_id("proposal", str(self.content_id), str(self.round)) if self.round else self.content_id


@dataclass(frozen=True, slots=True)
class ProposalDraft:
    """A proposal before it is opened: `result` replaces `base`, with evidence and acceptance criteria.

    `good` is the last good version of a fix by rule: a bisection between it and `base` may find a smaller one.
    """

    proposal: Proposal
    base: Prompt
    result: Prompt
    evidence: Evidence
    acceptance: tuple[Criterion, ...]
    example_sets: tuple[ExampleSet, ...] = ()
    good: Prompt | None = None
