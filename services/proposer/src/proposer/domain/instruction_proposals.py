"""The proposal of a drafted instruction, with what it is worth and what it costs."""

from collections.abc import Sequence
from uuid import UUID

from proposer.domain.acceptance import recovery_criteria
from proposer.domain.instruction_runs import CandidateEdit, InstructionRun
from proposer.domain.model import PromptKey, Proposal, ProposalDraft
from ratchet.prompt import Prompt, parse
from shared.events import derived_id
from shared.events.proposals import Evidence, InstructionEvidence
from shared.events.quality import RegressionDetected

_ORIGIN = {"model": "a language model drafted", "clauses": "the clause library has"}


def draft_instruction_proposal(
    regression: RegressionDetected,
    run: InstructionRun,
    base: Prompt,
    chosen: CandidateEdit,
    spent: tuple[int | None, float | None],
    refused: Sequence[str] = (),
) -> ProposalDraft:
    """Return the proposal of the best candidate of a run.

    `spent`: tokens and US dollars of the draft. `refused`: constraints by what people refused before.
    """
    key = run.key
    content_id = instruction_content_id(key, base.digest, chosen.digest)
    proposal = Proposal(
        content_id=content_id,
        key=key,
        target=run.target,
        kind="instruction",
        slot=None,
        regression_id=regression.regression_id,
        base_digest=base.digest,
        digest=chosen.digest,
    )
    return ProposalDraft(
        proposal,
        base,
        parse(dict(chosen.document)),
        Evidence(
            regression_id=regression.regression_id,
            execution_ids=run.execution_ids,
            summary=_summary(regression, run, chosen),
            instruction=_evidence(run, chosen, spent, refused),
            traces=run.traces,
        ),
        recovery_criteria(regression),
    )


def instruction_content_id(key: PromptKey, base_digest: str, digest: str) -> UUID:
    """Return the content id of an edit: the same for each regression, so that it is decided once."""
    return derived_id("instruction", key.project, key.environment, key.name, base_digest, digest)


def _evidence(
    run: InstructionRun, chosen: CandidateEdit, spent: tuple[int | None, float | None], refused: Sequence[str]
) -> InstructionEvidence:
    low = chosen.low if chosen.low is not None else -1.0
    high = chosen.high if chosen.high is not None else 1.0
    return InstructionEvidence(
        source=run.source,
        intent=chosen.intent,
        candidates=len(run.candidates),
        cases=chosen.cases,
        difference=chosen.difference or 0.0,
        low=low,
        high=high,
        level=chosen.level,
        added_tokens=chosen.added_tokens,
        drafting_tokens=spent[0],
        drafting_usd=spent[1],
        compared_answers=sum(2 * each.cases for each in run.candidates),
        constraints=tuple(refused) if run.source == "model" else (),
    )


def _summary(regression: RegressionDetected, run: InstructionRun, chosen: CandidateEdit) -> str:
    others = len(run.candidates) - 1
    compared = "" if not others else f" It is the best of {others + 1} that were compared."
    return (
        f"{regression.metric} of {regression.target} got worse without a change of a prompt that explains it."
        f" This is the smallest kind of edit: {_ORIGIN[run.source]} one instruction. Its answers to golden cases were"
        f" better than those of the version in use.{compared}"
    )
