"""An evaluation: which documents are compared for whom, on which set, and how far it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from evaluator.domain.evaluation_terms import VerdictSummary, settings_for
from evaluator.domain.probe_scope import ProbeScope
from ratchet.prompt import Prompt, PromptError, example_set_digest, parse
from ratchet_evaluation.domain.contamination import ExcludedCase
from ratchet_evaluation.domain.judges.agreement_with_people import JudgeFigures
from ratchet_evaluation.domain.outcomes import EvaluationArm
from ratchet_evaluation.domain.settings import RunSettings
from shared.errors import Permanent
from shared.events import Envelope, derived_id
from shared.events.evaluation import CandidateDrafted, EvaluationCompleted, EvaluationRequested, ExampleText

RunState = Literal["waiting", "running", "completed", "cancelled"]
"""`waiting`: for a published dataset of the target."""


SlotExamples = Mapping[str, Sequence[Mapping[str, str]]]
"""Slot → few-shot examples, as `{"input", "output"}`."""


@dataclass(frozen=True, slots=True)
class RequestOrigin:
    """The event, or the HTTP request, that an evaluation comes from: the context of the event that it ends with."""

    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """A stored evaluation. `base` is None for a first version; `proposal_id` is None if it was started by hand.

    `execution_ids`: the candidate was made from them. `dataset` and `dataset_digest` are known from its start on; a
    `dataset` before is the one to be used, with `dataset_digest` that version of it. `probe`: its part of a bisection.
    `judges` score the answers, too, with the agreement that they had when the evaluation was requested or, for a
    proposal, started; `judges_dropped` says why those of a proposal don't decide any more.
    `examples` and `base_examples` are those of the documents' slots, until it ends: they have users' texts.
    `drafted`: of a candidate that is no proposal yet.
    """

    id: UUID
    project: str
    environment: str
    target: str
    name: str
    proposal_id: UUID | None
    base_digest: str | None
    base: Mapping[str, Any] | None
    digest: str
    document: Mapping[str, Any]
    execution_ids: tuple[str, ...]
    settings: RunSettings
    origin: RequestOrigin
    requested_at: datetime
    state: RunState = "waiting"
    dataset: str | None = None
    dataset_digest: str | None = None
    excluded: tuple[ExcludedCase, ...] = ()
    judges: tuple[JudgeFigures, ...] = ()
    judge_deadline: datetime | None = None
    judges_dropped: str | None = None
    probe: ProbeScope | None = None
    examples: SlotExamples = field(default_factory=dict)
    base_examples: SlotExamples = field(default_factory=dict)
    drafted: bool = False

    @property
    def arms(self) -> tuple[EvaluationArm, ...]:
        return ("candidate",) if self.base is None else ("baseline", "candidate")

    @property
    def may_drop_judges(self) -> bool:
        """Whether its verdict without judges stands if they don't score all answers."""
        return self.proposal_id is not None and any(each.decides for each in self.judges)

    @property
    def example_inputs(self) -> dict[str, list[str]]:
        """The inputs of the few-shot examples of both documents, by slot."""
        inputs: dict[str, list[str]] = {}
        for filled in (self.examples, self.base_examples):
            for slot, members in filled.items():
                inputs.setdefault(slot, []).extend(member["input"] for member in members)
        return inputs

    @property
    def candidate_prompt(self) -> Prompt:
        return parse(dict(self.document))

    @property
    def base_prompt(self) -> Prompt | None:
        return None if self.base is None else parse(dict(self.base))


def requested_run(
    event: EvaluationRequested, origin: RequestOrigin, requested_at: datetime, repeats: int
) -> EvaluationRun:
    """Return the evaluation that an event requests. Raises Permanent if a document is not the one that it names."""
    drafted = isinstance(event, CandidateDrafted)
    check_document(event.document, event.digest, "document")
    if event.base is not None:
        check_document(event.base, event.base_digest, "base")
    return EvaluationRun(
        id=derived_id("candidate-evaluation" if drafted else "evaluation", str(event.proposal_id), str(event.revision)),
        project=event.project,
        environment=event.environment,
        target=event.target,
        name=event.name,
        proposal_id=event.proposal_id,
        base_digest=event.base_digest,
        base=event.base,
        digest=event.digest,
        document=event.document,
        execution_ids=event.execution_ids,
        settings=settings_for(event.kind, repeats, event.attempt),
        origin=origin,
        requested_at=requested_at,
        examples=_checked_examples(event.document, event.examples, "examples"),
        base_examples=_checked_examples(event.base or {}, event.base_examples, "base_examples"),
        drafted=drafted,
    )


def _checked_examples(
    document: Mapping[str, Any], examples: Mapping[str, Sequence[ExampleText]], field: str
) -> SlotExamples:
    """Return the examples of a document's slots. Raises Permanent if a slot names another set."""
    found = {slot: [example.model_dump() for example in members] for slot, members in examples.items()}
    for slot, members in found.items():
        if example_set_digest(members) != document.get("slots", {}).get(slot, {}).get("set"):
            raise Permanent(f"{field}.{slot} is not the example set that the document names")
    return found


def check_document(document: dict[str, Any], digest: str | None, field: str) -> None:
    """Raise Permanent if `document` is not the one with this digest."""
    try:
        found = parse(document).digest
    except PromptError as error:
        raise Permanent(f"{field} is not a prompt document: {error.field}") from None
    if found != digest:
        raise Permanent(f"{field} has another digest than the event names")


def completed_event(
    run: EvaluationRun, summary: VerdictSummary, report_digest: str, now: datetime, source: str
) -> Envelope[EvaluationCompleted] | None:
    """Return the event of a completed evaluation of a proposal; None if it was started by hand."""
    if run.proposal_id is None or run.dataset is None or run.dataset_digest is None:
        return None
    event = EvaluationCompleted(
        project=run.project,
        environment=run.environment,
        target=run.target,
        evaluation_id=run.id,
        proposal_id=run.proposal_id,
        name=run.name,
        base_digest=run.base_digest,
        digest=run.digest,
        verdict=summary.verdict,
        reason=summary.reason,
        report_digest=report_digest,
        dataset=run.dataset,
        dataset_digest=run.dataset_digest,
        cases=summary.cases,
        excluded=summary.excluded,
        difference=summary.difference,
        low=summary.low,
        high=summary.high,
        level=run.settings.level,
        drafted=run.drafted,
        completed_at=now,
    )
    origin = run.origin
    id_ = derived_id("evaluation.completed", str(run.id))
    return Envelope(id_, now, source, event, origin.correlation_id, origin.causation_id, origin.traceparent)
