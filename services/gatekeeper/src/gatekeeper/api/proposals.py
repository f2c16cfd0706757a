"""HTTP API of proposals: people propose, read and decide."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gatekeeper.api.boundary_problems import AUTHORITY, PROMOTION
from gatekeeper.api.prompt_names import NameInQuery
from gatekeeper.api.proposal_json import proposal_to_json
from gatekeeper.api.proposal_models import DecidedView, ProposalPage, ProposalState, ProposalView
from gatekeeper.api.request_body import (
    Digest,
    Label,
    OptionalReason,
    PromptName,
    Reason,
    RequestBody,
    describe_body,
    json_body,
    presented_key,
)
from gatekeeper.api.rollout_plans import PlanBody, chosen_plan, naming_plan_field
from gatekeeper.delivery.notifier import PromotionNotifier
from gatekeeper.domain.content import version_content
from gatekeeper.domain.proposal_edits import edit_content, edit_kind
from gatekeeper.domain.rollout_plan import PlanName
from gatekeeper.domain.stored_proposal import StoredProposal
from gatekeeper.storage.boundary_functions import call_function
from gatekeeper.storage.contents import ContentRepository
from gatekeeper.storage.proposals import ProposalQuery, ProposalRepository
from gatekeeper.use_cases.decisions import DecisionRequest, DecisionTerms, decide_proposal
from gatekeeper.use_cases.evaluations import request_evaluation
from gatekeeper.use_cases.live_publication import live_summary
from gatekeeper.use_cases.unit_of_work import UnitOfWork, UnitOfWorkFactory
from ratchet.prompt import Prompt, PromptError, parse
from shared.auth.principal import Principal
from shared.events import derived_id, new_id
from shared.events.proposals import Verdict
from shared.problems import Problem, invalid
from shared.web.authentication import require
from shared.web.pagination import Cursor, Keyset, Limit
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response
from shared.web.routers import combine_routers

Reader = Annotated[Principal, Depends(require("read"))]
Author = Annotated[Principal, Depends(require("tune", person=True))]
Reviewer = Annotated[Principal, Depends(require("review", person=True))]


class NewProposal(RequestBody):
    """An edited prompt, or a first version with `base_digest` null. `document` is a prompt document."""

    target: Label
    name: PromptName
    base_digest: Digest | None = None
    document: dict[str, Any]
    why: Reason


class NewDecision(RequestBody):
    """A verdict about exactly `digest`; `reason` may be empty.

    With `evaluation_digest` it is refused if that is not the report of the latest evaluation. `rollout_plan`: a plan,
    or the name of one, by which an approval gets to all traffic gradually; null or `at-once`: at once.
    """

    verdict: Verdict
    digest: Digest
    evaluation_digest: Digest | None = None
    rollout_plan: PlanName | PlanBody | None = None
    reason: OptionalReason


_PROPOSAL = {
    "target": "support-bot",
    "name": "answer",
    "base_digest": None,
    "document": {"schema": "ratchet.prompt/1", "messages": [{"role": "system", "content": "Answer in one sentence."}]},
    "why": "The first version",
}
_DECISION = {"verdict": "approved", "digest": f"sha256:{'0' * 64}", "reason": ""}


def proposals_router(
    engine: AsyncEngine, units: UnitOfWorkFactory, notifier: PromotionNotifier, terms: DecisionTerms
) -> APIRouter:
    """Return the routes below `/v1/proposals`."""
    return combine_routers(_read_routes(engine), _draft_routes(units), _decision_routes(units, notifier, terms))


def _read_routes(engine: AsyncEngine) -> APIRouter:
    router = APIRouter(prefix="/v1/proposals", tags=["proposals"])

    @router.get("", responses=describe_response(ProposalPage))
    async def proposals(
        principal: Reader,
        name: NameInQuery,
        state: ProposalState | None = None,
        cursor: Cursor = None,
        limit: Limit = 20,
        brief: bool = False,
    ) -> dict[str, Any]:
        """Return proposals, newest first; with `brief` without document, diff, rollback, example sets and warnings."""
        scope = principal.project, principal.environment
        keyset = Keyset("proposals", datetime, UUID, filters=(*scope, state, name))
        opened_at, last = keyset.decode(cursor)
        query = ProposalQuery(state, name, (opened_at, last), limit, brief)
        async with engine.connect() as conn:
            found = await ProposalRepository(conn).list_proposals(*scope, query)
        return keyset.page(found, limit, key=lambda it: (it.opened_at, it.id), view=proposal_to_json)

    @router.get("/{proposal_id}", responses=describe_response(ProposalView) | problems({404: ["unknown-proposal"]}))
    async def proposal(principal: Reader, proposal_id: UUID) -> dict[str, Any]:
        """Return a proposal with its document, diff, evidence, and decision or grant."""
        async with engine.connect() as conn:
            return proposal_to_json(await _load(conn, principal, proposal_id))

    return router


def _draft_routes(units: UnitOfWorkFactory) -> APIRouter:
    router = APIRouter(prefix="/v1/proposals", tags=["proposals"])

    @router.post(
        "",
        status_code=201,
        responses=describe_response(ProposalView, 201) | problems({422: ["idempotency-mismatch"]}),
        openapi_extra=describe_body(NewProposal, _PROPOSAL, *AUTHORITY, *PROMOTION),
    )
    async def propose(
        request: Request, principal: Author, body: Annotated[NewProposal, Depends(json_body(NewProposal))]
    ) -> dict[str, Any]:
        """Propose an edited prompt or a first version; another person decides about it.

        A repeat with the same `Idempotency-Key` and body returns the proposal of the first request.
        """
        try:
            draft = parse(body.document, "document")
        except PromptError as error:
            raise invalid(error.field, error.reason) from None
        proposal_id = _proposal_id(request, principal, units)
        async with units.begin() as unit:
            await _save(unit, principal, presented_key(request), proposal_id, body, draft)
            stored = await _load(unit.conn, principal, proposal_id)
            if not _is_repeat(stored, body, draft):
                raise Problem(422, "idempotency-mismatch", "This Idempotency-Key came with another body before")
            await request_evaluation(unit, stored)
            await unit.sign_audit_head(principal.project)
        return proposal_to_json(stored)

    return router


def _decision_routes(units: UnitOfWorkFactory, notifier: PromotionNotifier, terms: DecisionTerms) -> APIRouter:
    router = APIRouter(prefix="/v1/proposals", tags=["proposals"])

    @router.post(
        "/{proposal_id}/decisions",
        responses=describe_response(DecidedView),
        openapi_extra=describe_body(NewDecision, _DECISION, *AUTHORITY, *PROMOTION),
    )
    async def decisions(
        request: Request,
        principal: Reviewer,
        proposal_id: UUID,
        body: Annotated[NewDecision, Depends(json_body(NewDecision))],
    ) -> dict[str, Any]:
        """Approve, reject, or request changes. An approval makes exactly `digest` live, or changes nothing.

        With a rollout plan it starts the rollout: `live` is the base, with the candidate for a part of the traffic.
        """
        verdict = (body.verdict, body.digest, body.reason, body.evaluation_digest)
        plan = chosen_plan(body.rollout_plan, body.verdict)
        decision = DecisionRequest(presented_key(request), proposal_id, *verdict, plan)
        async with units.begin() as unit, naming_plan_field():
            decided, promoted = await decide_proposal(unit, principal, decision, terms)
        notifier.notify(promoted)
        return {"proposal": proposal_to_json(decided), "live": live_summary(promoted[0]) if promoted else None}

    return router


def _proposal_id(request: Request, principal: Principal, units: UnitOfWorkFactory) -> UUID:
    idempotency_key = request.headers.get("idempotency-key")
    if idempotency_key is None:
        return new_id(units.clock.now())
    if not 1 <= len(idempotency_key) <= 200:
        raise invalid("Idempotency-Key", "must have 1 to 200 characters")
    return derived_id("proposal", principal.key_id, idempotency_key)


async def _save(
    unit: UnitOfWork, principal: Principal, key: str, proposal_id: UUID, body: NewProposal, draft: Prompt
) -> None:
    contents = ContentRepository(unit.conn)
    base = None if body.base_digest is None else await contents.get_prompt(principal.project, body.base_digest)
    await contents.save_versions(principal.project, [version_content(draft)])
    content = edit_content(body.why, body.base_digest, base, draft)
    kind = edit_kind(body.base_digest)
    arguments = (proposal_id, body.target, body.name, kind, body.base_digest, draft.digest, content)
    await call_function(unit.conn, "propose", key, *arguments)


def _is_repeat(stored: StoredProposal, body: NewProposal, draft: Prompt) -> bool:
    sent = (body.target, body.name, body.base_digest, draft.digest, body.why)
    summary = stored.content["evidence"]["summary"]
    return sent == (stored.target, stored.name, stored.base_digest, stored.digest, summary)


async def _load(conn: AsyncConnection, principal: Principal, proposal_id: UUID) -> StoredProposal:
    found = await ProposalRepository(conn).get_proposal(principal.project, principal.environment, proposal_id)
    if found is None:
        raise Problem(404, "unknown-proposal", "There is no such proposal here")
    return found
