"""Events about proposals and the decisions about them."""

from typing import ClassVar, Literal
from uuid import UUID

from shared.events.base import AwareDatetime, Fact, TargetEvent

ProposalKind = Literal["restore", "rollback", "instruction", "few_shot", "edit", "first_version"]
"""`instruction`: a small edit of an instruction that Ratchet drafted, and that evaluations showed to be better."""
ExampleOrigin = Literal["liked", "corrected", "approved"]
"""`approved`: a person approved the version that brought the example."""
RemovalReason = Literal["objection", "low_rating"]
"""Why a live example is to be removed: later negative feedback, or a rating below what its target requires."""
Verdict = Literal["approved", "rejected", "changes_requested"]
WithdrawalReason = Literal[
    "base_changed", "evidence_withdrawn", "evidence_erased", "superseded", "resolved", "author", "pull_request_closed",
]  # fmt: skip
"""`evidence_withdrawn`: no answer with positive feedback is left for an example. `evidence_erased`: a user whose text
an example has was erased. `pull_request_closed`: a person closed the pull request of the proposal."""


class Example(Fact):
    """One few-shot example, taken from an execution with consent. `digest` identifies its content.

    `user` is the execution's, `author` that of a correction, whose text is the output. `grant_eligible` is False if
    only a person may approve it: for corrections, and for feedback that was sent with a public key or by an unknown
    sender.
    """

    digest: str
    input: str
    output: str
    score: float
    feedback_id: UUID
    execution_id: str
    user: str | None = None
    author: str | None = None
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


class ExampleEvidence(Fact):
    """What speaks for one example of a set.

    `represents`: share of the sampled questions of which it is the most similar example. `diversity`: 1 - cosine to the
    most similar other example; None for the only one.
    """

    digest: str
    origin: ExampleOrigin
    represents: float
    diversity: float | None


class RemovedExample(Fact):
    """A live example that the proposed set leaves out because of its quality."""

    digest: str
    reason: RemovalReason


class ExampleSetEvidence(Fact):
    """How an example set was selected: on `questions` sampled questions of users, compared by `embedder`.

    `representativeness`: mean cosine of a question to its most similar example. `diversity`: mean of 1 - cosine over
    the pairs of examples. `tokens` is an estimate.
    """

    embedder: str
    questions: int
    representativeness: float | None
    diversity: float | None
    tokens: int
    examples: tuple[ExampleEvidence, ...]
    removed: tuple[RemovedExample, ...] = ()


class InstructionEvidence(Fact):
    """What speaks for an edit of an instruction, beside what it costs.

    `source`: a language model drafted it, or it is a clause of the library. Of `candidates` that were compared with the
    base, it is the best one that is better: by `difference` of the pass rate, from `low` to `high` at `level`, on
    `cases` independent cases. `added_tokens` per call are an estimate. `drafting_tokens` and `drafting_usd` were spent
    on the draft; None: unknown, such as US dollars without a price. `compared_answers` is at least how many answers the
    app gave for the comparisons: two for each case that counted. `constraints` are what it had to keep to: which
    proposals people refused before, and why.
    """

    source: Literal["model", "clauses"]
    intent: str
    candidates: int
    cases: int
    difference: float
    low: float
    high: float
    level: float
    added_tokens: int
    drafting_tokens: int | None
    drafting_usd: float | None
    compared_answers: int
    constraints: tuple[str, ...] = ()


class UsedTraces(Fact):
    """The traces whose texts a proposal was made from: how many, by region and confidentiality ("unknown" if not sent).

    `personal`: traces in which personal data was found, and removed.
    """

    traces: int
    personal: int = 0
    regions: dict[str, int]
    confidentiality: dict[str, int]


class Evidence(Fact):
    """The reason of a proposal: the regression or the feedback; at most a sample of the ids.

    `traces` is what is known of the traces whose texts it was made from; None: not known, or none were used.
    """

    regression_id: UUID | None = None
    feedback_ids: tuple[UUID, ...] = ()
    execution_ids: tuple[str, ...] = ()
    summary: str
    example_set: ExampleSetEvidence | None = None
    instruction: InstructionEvidence | None = None
    traces: UsedTraces | None = None


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
    """A person decided about a proposal (`decision_id`), or a grant covered it (`grant_id`).

    `reason`: the person's words, without personal data that was found in them; None: none were given.
    """

    topic: ClassVar[str] = "proposal.decided"

    proposal_id: UUID
    revision: int
    verdict: Verdict
    name: str
    digest: str
    by: str
    decision_id: UUID | None = None
    grant_id: UUID | None = None
    reason: str | None = None
