"""A bisection: which changes of an edit made answers worse, found by probes that are evaluations of their own."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from evaluator.domain.evaluation_run import EvaluationRun, RequestOrigin, check_document
from evaluator.domain.probe_scope import ProbeScope
from ratchet.prompt import Json, Prompt, parse
from ratchet_evaluation.domain.bisection import BisectionResult, Hunks
from ratchet_evaluation.domain.prompt_hunks import PromptHunks
from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.domain.statistics.comparison import ComparisonResult
from shared.events import Envelope, derived_id
from shared.events.bisection import (
    BisectionCompleted,
    BisectionOutcome,
    BisectionRequested,
    CausalChange,
    Effect,
)

MARGIN = 0.1
"""All changes that are not causal are, together, at most this much worse."""
LEAST_CLUSTERS = 60
"""Independent cases that a bisection needs: with fewer, "at most 10 points worse" can't be shown."""
MOST_HUNKS = 20

BisectionState = Literal["waiting", "running", "completed", "cancelled"]


@dataclass(frozen=True, slots=True)
class BisectionRun:
    """A stored bisection. `dataset` and `clusters`, the independent cases that it may use, are known from its start."""

    id: UUID
    project: str
    environment: str
    target: str
    name: str
    regression_id: UUID
    good_digest: str
    good: Mapping[str, Any]
    bad_digest: str
    bad: Mapping[str, Any]
    execution_ids: tuple[str, ...]
    origin: RequestOrigin
    requested_at: datetime
    state: BisectionState = "waiting"
    dataset: str | None = None
    dataset_digest: str | None = None
    clusters: int = 0

    def hunks(self) -> PromptHunks:
        """Return the changes from the good prompt to the bad one."""
        return PromptHunks(parse(dict(self.good)), parse(dict(self.bad)))


@dataclass(frozen=True, slots=True)
class BisectionSummary:
    """The end of a bisection. `fix` is the bad prompt without its causal changes."""

    outcome: BisectionOutcome
    reason: str
    changes: int
    causal: tuple[CausalChange, ...] = ()
    fix: Prompt | None = None
    restored: Effect | None = None


def requested_bisection(event: BisectionRequested, origin: RequestOrigin, requested_at: datetime) -> BisectionRun:
    """Return the bisection that an event requests. Raises Permanent if a document is not the one that it names."""
    check_document(event.good, event.good_digest, "good")
    check_document(event.bad, event.bad_digest, "bad")
    return BisectionRun(
        event.bisection_id, event.project, event.environment, event.target, event.name, event.regression_id,
        event.good_digest, event.good, event.bad_digest, event.bad, event.execution_ids, origin, requested_at,
    )  # fmt: skip


def clusters_for_bisection(clusters: int) -> int:
    """Return how many of a set's independent cases a bisection may use: the others are to judge what it finds."""
    return clusters // 2


def why_unavailable(run: BisectionRun, clusters: int | None) -> BisectionSummary | None:
    """Return why there is nothing to bisect; None if there is. `clusters`: of the golden set, None without one."""
    changes = len(run.hunks().hunks)
    reason = None
    if not 2 <= changes <= MOST_HUNKS:
        reason = f"the versions differ by {changes} change{'' if changes == 1 else 's'}; 2 to {MOST_HUNKS} are bisected"
    elif clusters is None:
        reason = "the target has no published golden set"
    elif clusters_for_bisection(clusters) < LEAST_CLUSTERS:
        reason = f"the golden set has {clusters} independent cases that may be used; {2 * LEAST_CLUSTERS} are needed"
    return None if reason is None else BisectionSummary("unavailable", reason, changes)


def probe_run(run: BisectionRun, hunks: Hunks, clusters: int, repeats: int, now: datetime) -> EvaluationRun:
    """Return the evaluation that compares the good prompt with some changes to the good prompt."""
    candidate = run.hunks().apply(hunks)
    return EvaluationRun(
        id=derived_id("probe", str(run.id), json.dumps(sorted(hunks)), str(clusters)),
        project=run.project,
        environment=run.environment,
        target=run.target,
        name=run.name,
        proposal_id=None,
        base_digest=run.good_digest,
        base=run.good,
        digest=candidate.digest,
        document=candidate.to_dict(),
        execution_ids=run.execution_ids,
        settings=RunSettings(goal="not-worse", margin=MARGIN, repeats=repeats),
        origin=replace(run.origin, causation_id=None),
        requested_at=now,
        dataset=run.dataset,
        dataset_digest=run.dataset_digest,
        probe=ProbeScope(run.id, clusters),
    )


def summarise_bisection(run: BisectionRun, result: BisectionResult) -> BisectionSummary:
    """Return the summary of a result."""
    prompts = run.hunks()
    changes = len(prompts.hunks)
    causal = tuple(_causal(prompts, each.hunk, each.shown_by.comparison) for each in result.causal)
    if result.undecided:
        shown = f"{len(causal)} of {changes} changes are shown to make answers worse, " if causal else ""
        return BisectionSummary("undecided", f"{shown}{len(result.undecided)} need more cases", changes, causal)
    if not causal:
        return BisectionSummary("harmless", f"all {changes} changes together do not make answers worse", changes)
    kept = frozenset(range(changes)) - {each.hunk for each in result.causal}
    reason = f"{len(causal)} of {changes} changes made answers worse; the others together did not"
    restored = None if result.restored is None else _effect(result.restored.comparison)
    return BisectionSummary("found", reason, changes, causal, prompts.apply(kept), restored)


def bisection_completed(
    run: BisectionRun, summary: BisectionSummary, answers: int, now: datetime, source: str
) -> Envelope[BisectionCompleted]:
    """Return the event that ends a bisection."""
    event = BisectionCompleted(
        project=run.project,
        environment=run.environment,
        target=run.target,
        bisection_id=run.id,
        regression_id=run.regression_id,
        name=run.name,
        good_digest=run.good_digest,
        bad_digest=run.bad_digest,
        outcome=summary.outcome,
        reason=summary.reason,
        changes=summary.changes,
        causal=summary.causal,
        digest=None if summary.fix is None else summary.fix.digest,
        document=None if summary.fix is None else dict(summary.fix.to_dict()),
        restored=summary.restored,
        answers=answers,
        completed_at=now,
    )
    origin = run.origin
    id_ = derived_id("bisection.completed", str(run.id))
    return Envelope(id_, now, source, event, origin.correlation_id, origin.causation_id, origin.traceparent)


def _causal(prompts: PromptHunks, hunk: int, comparison: ComparisonResult) -> CausalChange:
    found, effect = prompts.hunks[hunk], _effect(comparison)
    assert effect is not None
    return CausalChange(path=found.path, before=_text(found.before), after=_text(found.after), effect=effect)


def _effect(comparison: ComparisonResult) -> Effect | None:
    found = comparison.difference
    if found.mean is None:
        return None
    return Effect(cases=found.n, difference=found.mean, low=found.low, high=found.high)


def _text(value: Json) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
