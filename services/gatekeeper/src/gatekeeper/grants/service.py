"""Using a grant: the proposal goes live without a new decision, visibly, and only inside what the grant allows."""

from uuid import UUID

from gatekeeper.boundary import call_function
from gatekeeper.promotion.repository import publish_live
from gatekeeper.proposals import repository as proposals
from gatekeeper.proposals.decisions import emit_proposal_decided
from gatekeeper.transaction import UnitOfWork


async def use_grant(change: UnitOfWork, project: str, environment: str, proposal_id: UUID) -> bool:
    """Makes a proposal live if a grant covers it; whether one did. What no grant covers waits for a person."""
    conn = change.tx.conn
    used = await call_function(conn, "use_grant", proposal_id)
    if not used:
        return False
    proposal = await proposals.get_proposal(conn, project, environment, proposal_id)
    assert proposal is not None
    await publish_live(
        change,
        [
            {
                "project": project,
                "environment": environment,
                "name": proposal["name"],
                "sequence": used[0]["sequence"],
            }
        ],
    )
    await emit_proposal_decided(
        change, proposal, "approved", used[0]["revision"], used[0]["given_by"], grant_id=used[0]["grant_id"]
    )
    return True
