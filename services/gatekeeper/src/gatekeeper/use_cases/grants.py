"""Use of grants: promote a proposal that a grant covers without a new decision."""

from uuid import UUID

from gatekeeper.domain.live_version import LiveKey
from gatekeeper.domain.model import GrantUse
from gatekeeper.storage.acceptance import AcceptanceRepository
from gatekeeper.storage.boundary_functions import call_for_rows
from gatekeeper.storage.proposals import ProposalRepository
from gatekeeper.use_cases.decisions import emit_proposal_decided
from gatekeeper.use_cases.live_publication import publish_live
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from shared.events.promotion import PromptLive

HALTED = ("halted", "project-halted")
"""A person halted promotions while a grant was used: the retry sees that and leaves the proposal open."""


async def use_grant(unit: UnitOfWork, project: str, environment: str, proposal_id: UUID) -> list[PromptLive]:
    """Make a proposal live if a grant covers it. Return the live version; [] if it needs a decision or evaluation."""
    uses = await call_for_rows(unit.conn, GrantUse, "use_grant", proposal_id)
    if not uses:
        return []
    [use] = uses
    proposal = await ProposalRepository(unit.conn).get_proposal(project, environment, proposal_id)
    assert proposal is not None
    promoted = await publish_live(unit, [LiveKey(project, environment, proposal.name, use.sequence)])
    for live in promoted:
        await AcceptanceRepository(unit.conn).watch(proposal, live.occurred_at)
    await emit_proposal_decided(unit, proposal, "approved", use.revision, use.given_by, grant_id=use.grant_id)
    return promoted
