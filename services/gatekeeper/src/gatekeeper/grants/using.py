"""Using a grant: the proposal goes live without a new decision, visibly, and only inside what the grant allows."""

from uuid import UUID

from gatekeeper.change import Change
from gatekeeper.doors import call
from gatekeeper.proposals import store as proposals
from gatekeeper.proposals.deciding import say_decided
from gatekeeper.rollouts.store import announce


async def use_grant(change: Change, project: str, environment: str, proposal_id: UUID) -> bool:
    """Makes a proposal live if a grant covers it; whether one did. What no grant covers waits for a person."""
    conn = change.tx.conn
    used = await call(conn, "use_grant", proposal_id)
    if not used:
        return False
    proposal = await proposals.one(conn, project, environment, proposal_id)
    assert proposal is not None
    await announce(
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
    await say_decided(
        change, proposal, "approved", used[0]["revision"], used[0]["given_by"], grant_id=used[0]["grant_id"]
    )
    return True
