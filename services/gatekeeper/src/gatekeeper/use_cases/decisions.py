"""Decide about a proposal: the verdict of a person and, for an approval, the promotion, in one transaction."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

from gatekeeper.domain.errors import BoundaryError
from gatekeeper.domain.live_version import LiveKey
from gatekeeper.domain.model import SavedDecision
from gatekeeper.domain.rollout_plan import RolloutPlan, named_plan
from gatekeeper.domain.stored_proposal import StoredProposal
from gatekeeper.storage.acceptance import AcceptanceRepository
from gatekeeper.storage.boundary_functions import call_for_rows
from gatekeeper.storage.proposals import ProposalRepository
from gatekeeper.storage.rollouts import RolloutRepository
from gatekeeper.use_cases.live_publication import publish_live
from gatekeeper.use_cases.rollouts import start_rollout
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from shared.auth.principal import Principal
from shared.events import derived_id
from shared.events.promotion import PromptLive
from shared.events.proposals import ProposalDecided, Verdict
from shared.pii.scrub import scrub


@dataclass(frozen=True, slots=True)
class DecisionTerms:
    """What the service adds to each decision: how long an approval may be used, and the version of the policy."""

    lifetime: timedelta
    policy_version: str


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A reviewer's verdict about exactly `digest`. `key`: the reviewer's API key, which the database verifies.

    `evaluation_digest`: the report that the reviewer saw; None for the latest one, if there is any. `plan`: how the
    candidate gets to all traffic, or the name of a plan; None: at once.
    """

    key: str
    proposal_id: UUID
    verdict: Verdict
    digest: str
    reason: str
    evaluation_digest: str | None = None
    plan: RolloutPlan | Literal["canary", "48h-at-5"] | None = None


async def decide_proposal(
    unit: UnitOfWork, principal: Principal, request: DecisionRequest, terms: DecisionTerms
) -> tuple[StoredProposal, list[PromptLive]]:
    """Store a decision and, for an approval, make the version live, or start its rollout.

    Return the proposal with the decision, and the versions that went live. Raises BoundaryError;
    the decision is not stored then either.
    """
    plan = await _save_plan(unit, principal, request)
    decided = await _save_decision(unit, request, terms, plan)
    promoted: list[PromptLive] = []
    if plan is not None:
        promoted = await start_rollout(unit, decided.decision_id, principal.project, principal.environment)
    elif request.verdict == "approved":
        promoted = await publish_live(unit, await call_for_rows(unit.conn, LiveKey, "promote", decided.decision_id))
    repository = ProposalRepository(unit.conn)
    proposal = await repository.get_proposal(principal.project, principal.environment, request.proposal_id)
    assert proposal is not None
    for live in promoted if plan is None else ():
        await AcceptanceRepository(unit.conn).watch(proposal, live.occurred_at)
    await emit_proposal_decided(
        unit,
        proposal,
        request.verdict,
        decided.revision,
        decided.by,
        decision_id=decided.decision_id,
        reason=scrub(request.reason) or None,
    )
    await unit.sign_audit_head(principal.project)
    return proposal, promoted


async def _save_plan(unit: UnitOfWork, principal: Principal, request: DecisionRequest) -> str | None:
    """Store the plan of an approval and return its digest; None without one.

    A named plan guards the metrics of the proposal's acceptance criteria. Raises ValueError if there are none.
    """
    plan = request.plan
    if isinstance(plan, str):
        scope = (principal.project, principal.environment, request.proposal_id)
        proposal = await ProposalRepository(unit.conn).get_proposal(*scope)
        if proposal is None:
            raise BoundaryError("unknown-proposal", "there is no such proposal in this environment")
        plan = named_plan(plan, [each["metric"] for each in proposal.content["acceptance"]])
    if plan is None:
        return None
    await RolloutRepository(unit.conn).save_plan(principal.project, plan)
    return plan.digest


async def _save_decision(
    unit: UnitOfWork, request: DecisionRequest, terms: DecisionTerms, plan: str | None
) -> SavedDecision:
    verdict = (request.verdict, request.digest, request.reason)
    bound = (terms.lifetime, terms.policy_version, request.evaluation_digest, plan)
    arguments = (request.key, request.proposal_id, *verdict, *bound)
    try:
        [decided] = await call_for_rows(unit.conn, SavedDecision, "decide", *arguments)
    except BoundaryError as error:
        if error.code == "other-environment":  # for this key it does not exist
            raise BoundaryError("unknown-proposal", "there is no such proposal in this environment") from None
        raise
    return decided


async def emit_proposal_decided(
    unit: UnitOfWork,
    proposal: StoredProposal,
    verdict: Verdict,
    revision: int,
    by: str,
    *,
    decision_id: UUID | None = None,
    grant_id: UUID | None = None,
    reason: str | None = None,
) -> None:
    """Emit `proposal.decided` for a proposal, once per revision. `reason` has no personal data."""
    event = ProposalDecided(
        project=proposal.project,
        environment=proposal.environment,
        target=proposal.target,
        proposal_id=proposal.id,
        revision=revision,
        verdict=verdict,
        name=proposal.name,
        digest=proposal.digest,
        by=by,
        decision_id=decision_id,
        grant_id=grant_id,
        reason=reason,
    )
    await unit.emit(event, derived_id("proposal.decided", str(event.proposal_id), str(event.revision)))
