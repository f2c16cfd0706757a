"""Events about golden sets and the evaluations of proposals on them."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.events.base import AwareDatetime, Fact, TargetEvent
from shared.events.proposals import ProposalKind

EvaluationVerdict = Literal["pass", "fail", "inconclusive"]


class DatasetPublished(TargetEvent):
    """A version of a golden set was published. `clusters` is its number of independent cases."""

    topic: ClassVar[str] = "dataset.published"

    dataset: str
    version: int
    digest: str
    cases: int
    clusters: int


class ExampleText(Fact):
    """The texts of a few-shot example."""

    input: str
    output: str


class EvaluationRequested(TargetEvent):
    """A proposal is to be evaluated: its document against the one that it replaces.

    `base` is None for a first version. `execution_ids` are those that the proposal was made from: cases that come from
    them don't count. `attempt` is 1 more than the number of earlier evaluations of this change that did not pass: the
    higher it is, the more has to be shown. `examples` and `base_examples` are those of the filled slots of both
    documents.
    """

    topic: ClassVar[str] = "evaluation.requested"

    proposal_id: UUID
    revision: int
    kind: ProposalKind
    name: str
    base_digest: str | None
    base: dict[str, object] | None
    digest: str
    document: dict[str, object]
    execution_ids: tuple[str, ...] = ()
    attempt: int = 1
    examples: dict[str, tuple[ExampleText, ...]] = Field(default_factory=dict)
    base_examples: dict[str, tuple[ExampleText, ...]] = Field(default_factory=dict)


class CandidateDrafted(EvaluationRequested):
    """One of several candidates, of which the best becomes a proposal, is to be evaluated.

    `proposal_id` is the candidate's own. The verdict is never one about a proposal.
    """

    topic: ClassVar[str] = "candidate.drafted"


class EvaluationCompleted(TargetEvent):
    """An evaluation has a verdict, with the digest of its report.

    `cases` are the independent cases that counted, `excluded` those left out because the proposal was made from them.
    `difference` is the pass rate of `digest` minus that of `base_digest`, `low` and `high` its interval at `level`;
    None if unknown. `drafted`: it is about a candidate, and no proposal is meant.
    """

    topic: ClassVar[str] = "evaluation.completed"

    evaluation_id: UUID
    proposal_id: UUID
    name: str
    base_digest: str | None
    digest: str
    verdict: EvaluationVerdict
    reason: str
    report_digest: str
    dataset: str
    dataset_digest: str
    cases: int
    excluded: int
    difference: float | None
    low: float | None
    high: float | None
    level: float = 0.95
    drafted: bool = False
    completed_at: AwareDatetime


class JudgeAnchored(TargetEvent):
    """A judge scored an anchor again: a fixed case, so that a change of the score is one of the judge.

    `judge` is its name and `evaluator` its digest; `score` and `first`, which was the first one, are from 0 to 1.
    `occurred_at` is the time of the executions that it scored beside, so that both are on one clock.
    """

    topic: ClassVar[str] = "judge.anchored"

    judge: str
    evaluator: str
    case_id: str
    score: float
    first: float
    occurred_at: AwareDatetime
