"""Decide about a proposal: the verdict of a person and, for an approval, the promotion, in one transaction."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from gatekeeper.domain.errors import BoundaryError
from gatekeeper.domain.live_version import LiveKey
from gatekeeper.domain.model import SavedDecision
from gatekeeper.domain.stored_proposal import StoredProposal
from gatekeeper.storage.boundary_functions import call_for_rows
from gatekeeper.storage.proposals import ProposalRepository
from gatekeeper.use_cases.publication import publish_live
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from shared.auth.principal import Principal
from shared.events import derived_id
from shared.events.promotion import PromptLive
from shared.events.proposals import ProposalDecided, Verdict


@dataclass(frozen=True, slots=True)
class DecisionTerms:
    """What the service adds to each decision: how long an approval may be used, and the version of the policy."""

    lifetime: timedelta
    policy_version: str


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """A reviewer's verdict about exactly `digest`. `key`: the reviewer's API key, which the database verifies."""

    key: str
    proposal_id: UUID
    verdict: Verdict
    digest: str
    reason: str


async def decide_proposal(
    unit: UnitOfWork, principal: Principal, request: DecisionRequest, terms: DecisionTerms
) -> tuple[StoredProposal, list[PromptLive]]:
    """Store a decision and, for an approval, make the version live.

    Return the proposal with the decision, and the versions that went live. Raises BoundaryError;
    the decision is not stored then either.
    """
    decided = await _save_decision(unit, request, terms)
    promoted: list[PromptLive] = []
    if request.verdict == "approved":
        promoted = await publish_live(unit, await call_for_rows(unit.conn, LiveKey, "promote", decided.decision_id))
    repository = ProposalRepository(unit.conn)
    proposal = await repository.get_proposal(principal.project, principal.environment, request.proposal_id)
    assert proposal is not None
    await emit_proposal_decided(
        unit,
        proposal,
        request.verdict,
        decided.revision,
        decided.by,
        decision_id=decided.decision_id,
    )
    await unit.sign_audit_head(principal.project)
    return proposal, promoted


async def _save_decision(unit: UnitOfWork, request: DecisionRequest, terms: DecisionTerms) -> SavedDecision:
    verdict = (request.verdict, request.digest, request.reason)
    arguments = (request.key, request.proposal_id, *verdict, terms.lifetime, terms.policy_version)
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
) -> None:
    """Emit `proposal.decided` for a proposal, once per revision."""
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
    )
    await unit.emit(event, derived_id("proposal.decided", str(event.proposal_id), str(event.revision)))
