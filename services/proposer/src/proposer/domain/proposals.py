"""From a draft or a set of examples to the proposal that carries it. Identities follow from the content."""

from collections.abc import Iterable, Iterator, Sequence

from proposer.domain.acceptance import Measured, criteria, criteria_to_keep
from proposer.domain.drafts import Draft
from proposer.domain.model import Candidate, PromptKey, PromptState, Proposal, ProposalDraft
from ratchet.prompt import Prompt, example_set_digest, unified, with_slot
from shared.events import derived_id
from shared.events.proposals import Evidence, ExampleSet, ProposalReady
from shared.events.quality import RegressionDetected
from shared.units import format_change, format_value, unit_of

AUTHOR = "proposer"
FIRST_REVISION = 1


def draft_fix_proposal(regression: RegressionDetected, draft: Draft) -> ProposalDraft:
    """The proposal of a fix. The same regression, base and result give the same proposal, however often."""
    key = PromptKey(regression.project, regression.environment, draft.name)
    identity = derived_id("proposal", str(regression.regression_id), draft.base.digest, draft.result.digest)
    return ProposalDraft(
        Proposal(
            content_id=identity,
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
            summary=f"{draft.why} {_what_fell(regression)}",
        ),
        criteria(regression),
    )


def draft_examples_proposal(
    state: PromptState, base: Prompt, chosen: Sequence[Candidate], measured: Iterable[Measured], objected: bool
) -> Iterator[ProposalDraft]:
    """A proposal for each slot whose examples ought to change.

    Fewer examples than are served now are offered only where somebody `objected` to one that is: a set does not
    shrink because its examples grow old.
    """
    acceptance = criteria_to_keep(measured)
    for name, slot in base.slots.items():
        examples = tuple(candidate.example() for candidate in chosen[: slot.max])
        shrinks = len(examples) < state.live_examples.get(name, 0) and not objected
        digest = example_set_digest([{"input": e.input, "output": e.output} for e in examples])
        if not examples or shrinks or digest == slot.set:
            continue
        counted = "1 answer" if len(examples) == 1 else f"{len(examples)} answers"
        result = with_slot(base, name, digest)
        yield ProposalDraft(
            few_shot(state, name, base.digest, result.digest),
            base,
            result,
            Evidence(
                feedback_ids=tuple(e.feedback_id for e in examples),
                execution_ids=tuple(e.execution_id for e in examples),
                summary=f"{counted} that people liked or corrected, for the slot {name}.",
            ),
            acceptance,
            (ExampleSet(slot=name, digest=digest, examples=examples),),
        )


def few_shot(state: PromptState, slot: str, base_digest: str, digest: str) -> Proposal:
    """The proposal to put one example set into one slot of one document."""
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


def to_event(offer: ProposalDraft) -> ProposalReady:
    """The event that tells of an offer. What undoes it is the whole base."""
    proposal = offer.proposal
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
        document=dict(offer.result.to_dict()),
        diff=unified(offer.base, offer.result),
        example_sets=offer.example_sets,
        evidence=offer.evidence,
        acceptance=offer.acceptance,
        rollback_digest=proposal.base_digest,
        rollback=dict(offer.base.to_dict()),
        author=AUTHOR,
    )


def _what_fell(regression: RegressionDetected) -> str:
    was, now, cause = regression.baseline, regression.current, regression.causes[0]
    metric, unit = regression.metric, regression.unit
    unit = unit_of(metric) if unit is None else unit
    change = format_change(regression.delta_pp, metric, regression.direction, regression.change_unit)
    others = ", ".join(other.kind.replace("_", " ") for other in regression.causes[1:])
    doubt = f" It can't be told from what came with it: {others}." if others and not regression.certain else ""
    return (
        f"{regression.metric} of {regression.target} went from {format_value(was.mean, unit)} (n={was.n:,}) to "
        f"{format_value(now.mean, unit)} (n={now.n:,}), {change}; "
        f"{cause.evidence.rstrip('.')}.{doubt}"
    )
