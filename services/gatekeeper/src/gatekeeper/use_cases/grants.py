"""Use of grants: promote a proposal that a grant covers without a new decision."""

from uuid import UUID

from gatekeeper.storage.boundary_functions import call_function
from gatekeeper.storage.proposals import get_proposal
from gatekeeper.use_cases.decisions import emit_proposal_decided
from gatekeeper.use_cases.publication import publish_live
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from shared.events.promotion import PromptLive


async def use_grant(unit: UnitOfWork, project: str, environment: str, proposal_id: UUID) -> list[PromptLive]:
    """Make a proposal live if a grant covers it. Return the live version, or [] if the proposal needs a decision."""
    used = await call_function(unit.conn, "use_grant", proposal_id)
    if not used:
        return []
    proposal = await get_proposal(unit.conn, project, environment, proposal_id)
    assert proposal is not None
    row = {"project": project, "environment": environment, "name": proposal["name"], "sequence": used[0]["sequence"]}
    promoted = await publish_live(unit, [row])
    revision, giver, grant_id = (used[0][column] for column in ("revision", "given_by", "grant_id"))
    await emit_proposal_decided(unit, proposal, "approved", revision, giver, grant_id=grant_id)
    return promoted
