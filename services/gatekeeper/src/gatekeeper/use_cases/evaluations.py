"""Request the evaluation of a proposal, and store what the evaluator reports."""

from collections.abc import Mapping, Sequence
from typing import Any

from gatekeeper.domain.stored_proposal import StoredProposal
from gatekeeper.storage.boundary_functions import call_function
from gatekeeper.storage.contents import ContentRepository
from gatekeeper.storage.evaluations import EvaluationRepository
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from shared.events import derived_id
from shared.events.evaluation import DatasetPublished, EvaluationCompleted, EvaluationRequested, ExampleText


async def request_evaluation(unit: UnitOfWork, proposal: StoredProposal, by: str | None = None) -> bool:
    """Emit `evaluation.requested` for an open proposal; return whether it can be evaluated. `by`: the person who asks.

    First versions, and edits of a base or with examples whose content is unknown are not. A repeated request before the
    next evaluation is completed changes nothing within a day; then the evaluator begins again what it has cancelled.
    """
    base: dict[str, Any] | None = proposal.content["rollback"]
    if proposal.state != "open" or proposal.evaluation_rule == "none" or base is None or proposal.document is None:
        return False
    try:
        contents = ContentRepository(unit.conn)
        examples = await contents.list_slot_examples(proposal.project, [base, proposal.document])
    except KeyError:
        return False  # erased
    repository = EvaluationRepository(unit.conn)
    request = await repository.get_next_request(proposal)
    identity = [str(proposal.id), str(request.revision)]
    if not await repository.save_request(proposal.id, request, by, unit.now):
        if not await repository.is_overdue(proposal.id, request, unit.now):
            return True
        identity.append(unit.now.date().isoformat())
    event = EvaluationRequested(
        project=proposal.project,
        environment=proposal.environment,
        target=proposal.target,
        proposal_id=proposal.id,
        revision=request.revision,
        kind=proposal.kind,
        name=proposal.name,
        base_digest=proposal.base_digest,
        base=base,
        digest=proposal.digest,
        document=dict(proposal.document),
        execution_ids=tuple(proposal.content["evidence"]["execution_ids"]),
        attempt=request.attempt,
        base_examples=_texts(examples[0]),
        examples=_texts(examples[1]),
    )
    await unit.emit(event, derived_id(event.topic, *identity))
    return True


def _texts(examples: Mapping[str, Sequence[Mapping[str, str]]]) -> dict[str, tuple[ExampleText, ...]]:
    return {slot: tuple(ExampleText(**example) for example in members) for slot, members in examples.items()}


async def record_evaluation(unit: UnitOfWork, event: EvaluationCompleted) -> None:
    """Store a verdict. Raises BoundaryError if it is about other documents than those of the proposal."""
    facts = {"verdict", "reason", "dataset", "dataset_digest", "cases", "excluded", "difference", "low", "high",
             "level"}  # fmt: skip
    content = event.model_dump(mode="json", include=facts)
    identity = (event.evaluation_id, event.proposal_id, event.project, event.base_digest, event.digest)
    await call_function(unit.conn, "record_evaluation", *identity, event.report_digest, event.completed_at, content)
    await unit.sign_audit_head(event.project)


async def record_dataset(unit: UnitOfWork, event: DatasetPublished) -> None:
    """Store which golden set a target has."""
    scope = (event.project, event.environment, event.target, event.dataset)
    await call_function(unit.conn, "record_dataset", *scope, event.version, event.digest, event.cases, event.clusters)
