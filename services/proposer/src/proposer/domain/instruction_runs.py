"""A run that drafts an edit of an instruction for a regression of one version, and the choice among its candidates."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from proposer.domain.instruction_edits import EditedPrompt
from proposer.domain.model import PromptKey
from ratchet.prompt import Prompt
from shared.events import derived_id
from shared.events.evaluation import EvaluationCompleted, EvaluationVerdict
from shared.events.proposals import UsedTraces
from shared.events.quality import RegressionDetected
from shared.metric_catalog import definition_of

RunState = Literal["waiting", "evaluating", "proposed", "not_better", "failed", "ended"]
"""`waiting`: for the model, or its budget. `evaluating`: the app answers the golden set with each candidate.

`proposed`: the best candidate is a proposal. `not_better`: none is better than the base. `failed`: no usable edits.
`ended`: the regression is resolved, or another version is in use.
"""
RunSource = Literal["model", "clauses"]
UNEXPLAINED = frozenset({"unknown", "traffic_mix", "segment", "safety"})
"""Causes that an instruction may help with. Others are no prompt's fault, or are undone without a model."""


@dataclass(frozen=True, slots=True)
class CandidateEdit:
    """A candidate and what its evaluation found. `verdict` is None until then."""

    id: UUID
    digest: str
    document: Mapping[str, Any]
    intent: str
    added_characters: int
    verdict: EvaluationVerdict | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    cases: int = 0

    @property
    def added_tokens(self) -> int:
        """An estimate of the tokens that it adds to each call: a quarter of the characters, rounded up."""
        return -(-self.added_characters // 4)


@dataclass(frozen=True, slots=True)
class InstructionRun:
    """A run. `detail` says why it waits or failed, without any user's text. `execution_ids` are those that the
    candidates were made from: cases that come from them don't count. `calls` are those of the model so far. `traces`:
    what is known of the answers that it was shown.
    """

    regression_id: UUID
    base_digest: str
    key: PromptKey
    target: str
    source: RunSource
    state: RunState
    detail: str | None = None
    candidates: tuple[CandidateEdit, ...] = ()
    execution_ids: tuple[str, ...] = ()
    calls: int = 0
    form: int = 0
    next_call_at: datetime | None = None
    proposal_id: UUID | None = None
    traces: UsedTraces | None = None


def to_candidate(regression_id: UUID, base: Prompt, edited: EditedPrompt) -> CandidateEdit:
    """Return an edit as a candidate of a run."""
    digest = edited.result.digest
    added = len(edited.edit.new) - len(edited.edit.old)
    document = edited.result.to_dict()
    return CandidateEdit(candidate_id(regression_id, base.digest, digest), digest, document, edited.edit.intent, added)


def with_result(run: InstructionRun, event: EvaluationCompleted) -> InstructionRun:
    """Return a run with what the evaluation of one of its candidates found."""
    candidates = tuple(
        replace(
            each, verdict=event.verdict, difference=event.difference, low=event.low, high=event.high,
            level=event.level, cases=event.cases,
        )
        if each.id == event.proposal_id
        else each
        for each in run.candidates
    )  # fmt: skip
    return replace(run, candidates=candidates)


def candidate_id(regression_id: UUID, base_digest: str, digest: str) -> UUID:
    """Return the id by which a candidate is evaluated."""
    return derived_id("instruction-candidate", str(regression_id), base_digest, digest)


def success_rate(regression: RegressionDetected) -> float | None:
    """Return the current mean of the metric on a scale from 0 (bad) to 1 (good); None for amounts such as latency."""
    definition = definition_of(regression.metric)
    low, high = definition.scale
    if definition.aggregation != "mean" or definition.unit in ("ms", "USD") or high - low > 1_000:
        return None
    share = min(1.0, max(0.0, (regression.current.mean - low) / (high - low)))
    return 1.0 - share if regression.direction == "lower_is_better" else share


def is_unexplained(regression: RegressionDetected) -> bool:
    """Return whether the most likely cause is one that an edit of an instruction may help with."""
    return not regression.causes or regression.causes[0].kind in UNEXPLAINED


def choose(candidates: Sequence[CandidateEdit]) -> CandidateEdit | None:
    """Return the best candidate that is better than the base; None if none is.

    A candidate is dominated by another one that is at least as good and adds no more text. Of those that are not, the
    one with the largest difference is returned.
    """
    passed = [each for each in candidates if each.verdict == "pass" and each.difference is not None]
    return max(passed, key=lambda each: (each.difference or 0.0, -each.added_characters, each.digest), default=None)
