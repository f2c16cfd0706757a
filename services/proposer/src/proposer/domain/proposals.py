"""Build proposals from fixes and example sets. Ids are derived from the content."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from proposer.domain.acceptance import VersionMeasurement, non_regression_criteria, recovery_criteria
from proposer.domain.data_rules import count_traces
from proposer.domain.fix_drafts import BisectedFixes, Draft, NoDraft, draft_fix, suspected_version
from proposer.domain.model import Candidate, PromptKey, PromptState, Proposal, ProposalDraft
from proposer.domain.pool_entries import PoolEntry
from proposer.domain.question_sample import Questions
from proposer.domain.set_quality import measure_set
from ratchet.prompt import Prompt, example_set_digest, unified, with_slot
from shared.events import derived_id
from shared.events.message import MAX_PAYLOAD
from shared.events.proposals import (
    Evidence,
    ExampleEvidence,
    ExampleOrigin,
    ExampleSet,
    ExampleSetEvidence,
    ProposalReady,
    RemovalReason,
    RemovedExample,
)
from shared.events.quality import RegressionDetected
from shared.metric_format import format_change, format_value, unit_of

AUTHOR = "proposer"
FIRST_REVISION = 1


@dataclass(frozen=True, slots=True)
class SelectedExamples:
    """An example set in its order, the questions that it must represent, and live examples at fault, by digest."""

    candidates: tuple[Candidate, ...]
    entries: tuple[PoolEntry, ...]
    questions: Questions
    embedder: str
    faults: Mapping[str, RemovalReason] = field(default_factory=dict)


def draft_fix_proposal(regression: RegressionDetected, draft: Draft) -> ProposalDraft:
    """Return the proposal of a fix. The same regression, base and result give the same content id."""
    key = PromptKey(regression.project, regression.environment, draft.name)
    content_id = derived_id("proposal", str(regression.regression_id), draft.base.digest, draft.result.digest)
    return ProposalDraft(
        Proposal(
            content_id=content_id,
            key=key,
            target=regression.target,
            kind=draft.kind,
            slot=None,
            regression_id=regression.regression_id,
            base_digest=draft.base.digest,
            digest=draft.result.digest,
        ),
        draft.base,
        draft.result,
        Evidence(
            regression_id=regression.regression_id,
            execution_ids=regression.affected_executions,
            summary=f"{draft.why} {_describe_regression(regression)}",
        ),
        recovery_criteria(regression),
        good=draft.good,
    )


def draft_example_proposals(
    state: PromptState,
    base: Prompt,
    selected: SelectedExamples,
    measured: Iterable[VersionMeasurement],
) -> Iterator[ProposalDraft]:
    """Yield a proposal for each slot whose example set changes; another order is no change.

    A set becomes smaller only if a live example is at fault, not because its candidates expired.
    """
    acceptance = non_regression_criteria(measured)
    for name, slot in base.slots.items():
        members = selected.candidates[: slot.max]
        examples = tuple(candidate.example() for candidate in members)
        live = state.live_examples.get(name, 0)
        shrinks = len(examples) < live and not selected.faults
        same = (
            slot.set is not None
            and len(examples) == live
            and {e.digest for e in examples} <= state.live_example_digests
        )
        digest = example_set_digest([{"input": e.input, "output": e.output} for e in examples])
        if not examples or shrinks or same or digest == slot.set:
            continue
        counted = "1 answer" if len(examples) == 1 else f"{len(examples)} answers"
        result = with_slot(base, name, digest)
        proposal = example_proposal(state, name, base.digest, result.digest)
        yield ProposalDraft(
            replace(proposal, members=tuple(candidate.feedback_id for candidate in members)),
            base,
            result,
            Evidence(
                feedback_ids=tuple(e.feedback_id for e in examples),
                execution_ids=tuple(e.execution_id for e in examples),
                summary=f"{counted} that people liked or corrected, for the slot {name}.",
                example_set=_set_evidence(selected, members),
                traces=count_traces(candidate.data for candidate in members),
            ),
            acceptance,
            (ExampleSet(slot=name, digest=digest, examples=examples),),
        )


def _set_evidence(selected: SelectedExamples, members: Sequence[Candidate]) -> ExampleSetEvidence:
    """Return what speaks for `members`, the first examples of the selected set."""
    measure = measure_set(selected.entries[: len(members)], selected.questions)
    by_id = {example.feedback_id: example for example in measure.examples}
    kept = {candidate.example_digest for candidate in members}
    return ExampleSetEvidence(
        embedder=selected.embedder,
        questions=measure.questions,
        representativeness=measure.representativeness,
        diversity=measure.diversity,
        tokens=sum(candidate.tokens for candidate in members),
        examples=tuple(
            ExampleEvidence(
                digest=candidate.example_digest,
                origin=_origin(candidate),
                represents=by_id[candidate.feedback_id].represents,
                diversity=by_id[candidate.feedback_id].diversity,
            )
            for candidate in members
        ),
        removed=tuple(
            RemovedExample(digest=digest, reason=reason)
            for digest, reason in sorted(selected.faults.items())
            if digest not in kept
        ),
    )


def _origin(candidate: Candidate) -> ExampleOrigin:
    if candidate.corrected:
        return "corrected"
    return "approved" if candidate.approved else "liked"


def example_proposal(state: PromptState, slot: str, base_digest: str, digest: str) -> Proposal:
    """Return the proposal to put one example set into one slot of one document."""
    key = state.key
    return Proposal(
        content_id=derived_id("proposal", key.project, key.environment, key.name, slot, base_digest, digest),
        key=key,
        target=state.target,
        kind="few_shot",
        slot=slot,
        regression_id=None,
        base_digest=base_digest,
        digest=digest,
    )


def to_event(draft: ProposalDraft) -> ProposalReady:
    """Return the `proposal.ready` event of a draft. Its rollback is the whole base document."""
    proposal = draft.proposal
    return ProposalReady(
        project=proposal.key.project,
        environment=proposal.key.environment,
        target=proposal.target,
        proposal_id=proposal.id,
        revision=FIRST_REVISION,
        kind=proposal.kind,
        name=proposal.key.name,
        base_digest=proposal.base_digest,
        digest=proposal.digest,
        document=dict(draft.result.to_dict()),
        diff=unified(draft.base, draft.result),
        example_sets=draft.example_sets,
        evidence=draft.evidence,
        acceptance=draft.acceptance,
        rollback_digest=proposal.base_digest,
        rollback=dict(draft.base.to_dict()),
        author=AUTHOR,
    )


def suspected_digests(regressions: Sequence[RegressionDetected]) -> set[str | None]:
    """Return the digests before and after the suspected change of each regression."""
    suspected = [cause for regression in regressions if (cause := suspected_version(regression))]
    return {digest for cause in suspected for digest in (cause.before, cause.after)}


def propose_fix(
    regression: RegressionDetected,
    documents: Mapping[str, Prompt],
    live: str | None,
    approved: Collection[str],
    bisected: BisectedFixes | None = None,
) -> ProposalDraft | NoDraft:
    """Return the proposal of the smallest fix, or the reason why there is none."""
    outcome = draft_fix(regression, documents, live, approved, bisected)
    if isinstance(outcome, NoDraft):
        return outcome
    draft = draft_fix_proposal(regression, outcome)
    return draft if fits(draft) else NoDraft("too-large", f"it would be larger than {MAX_PAYLOAD} bytes")


def fits(draft: ProposalDraft) -> bool:
    """Return whether the event of `draft` fits into one message."""
    return len(to_event(draft).model_dump_json().encode()) <= MAX_PAYLOAD


def _describe_regression(regression: RegressionDetected) -> str:
    was, now, cause = regression.baseline, regression.current, regression.causes[0]
    metric, unit = regression.metric, regression.unit
    unit = unit_of(metric) if unit is None else unit
    change = format_change(regression.delta_pp, metric, regression.direction, regression.change_unit)
    others = ", ".join(other.kind.replace("_", " ") for other in regression.causes[1:])
    doubt = f" Other changes came at the same time: {others}." if others and not regression.certain else ""
    return (
        f"{regression.metric} of {regression.target} went from {format_value(was.mean, unit)} (n={was.n:,}) to "
        f"{format_value(now.mean, unit)} (n={now.n:,}), {change}; "
        f"{cause.evidence.rstrip('.')}.{doubt}"
    )
