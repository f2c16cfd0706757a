"""Deciding: a person's verdict and, where it is a yes, the promotion, in one transaction."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from gatekeeper.boundary import call_function
from gatekeeper.promotion.repository import publish_live
from gatekeeper.transaction import UnitOfWork
from shared.events import derived_id
from shared.events.proposals import ProposalDecided, Verdict


async def decide_proposal(
    change: UnitOfWork,
    raw: str,
    proposal: Mapping[str, Any],
    verdict: Verdict,
    digest: str,
    reason: str,
    lifetime: timedelta,
    policy: str,
) -> None:
    """Writes the decision and, for an approval, makes the version live. `proposal` as `proposals.store.one` shows it.

    Raises Refused; then nothing of it remains, the decision neither.
    """
    conn = change.tx.conn
    [decided] = await call_function(conn, "decide", raw, proposal["id"], verdict, digest, reason, lifetime, policy)
    if verdict == "approved":
        await publish_live(change, await call_function(conn, "promote", decided["decision_id"]))
    await emit_proposal_decided(
        change, proposal, verdict, decided["revision"], decided["by"], decision_id=decided["decision_id"]
    )
    await change.seal(proposal["project"])


async def emit_proposal_decided(
    change: UnitOfWork,
    proposal: Mapping[str, Any],
    verdict: Verdict,
    revision: int,
    by: str,
    decision_id: UUID | None = None,
    grant_id: UUID | None = None,
) -> None:
    """Emits `proposal.decided`."""
    said = ProposalDecided(
        project=proposal["project"],
        environment=proposal["environment"],
        target=proposal["target"],
        proposal_id=proposal["id"],
        revision=revision,
        verdict=verdict,
        name=proposal["name"],
        digest=proposal["digest"],
        by=by,
        decision_id=decision_id,
        grant_id=grant_id,
    )
    await change.emit(said, derived_id("proposal.decided", str(proposal["id"]), str(revision)))
