"""Events about proposals: a draft is kept, and goes live at once only where a grant covers it."""

from collections.abc import Sequence

from gatekeeper.boundary import call_function
from gatekeeper.errors import BoundaryError
from gatekeeper.grants.service import use_grant
from gatekeeper.keys.signer import Signer
from gatekeeper.proposals.verified_content import VerifiedContent, unreadable, verify_content
from gatekeeper.registry import repository as registry
from gatekeeper.transaction import UnitOfWork
from shared.errors import Permanent, Retryable
from shared.events.proposals import ProposalReady, ProposalWithdrawn
from shared.messaging.cloudevents import Received
from shared.messaging.store import Handler, Tx
from shared.runtime.clock import Clock

_HALTED = ("halted", "project-halted")
"""Somebody halted while a grant was used: the next try finds that, and leaves the proposal to a person."""


def on_ready(signer: Signer, clock: Clock) -> Handler:
    """`proposal.ready`: stores its contents and opens it; a repeat, or one withdrawn before, changes nothing."""

    async def handle(tx: Tx, events: Sequence[Received[ProposalReady]]) -> None:
        for received in events:
            try:
                brought = verify_content(received.event)
            except ValueError as error:
                raise Permanent(unreadable(error)) from None
            change = UnitOfWork(
                tx, signer, clock.now(), received.correlation_id, str(received.id), received.traceparent
            )
            try:
                await _open(change, received.event, brought)
            except BoundaryError as error:
                if error.code in _HALTED:
                    raise Retryable(error.code) from None
                raise Permanent(error.code) from None

    return handle


async def _open(change: UnitOfWork, event: ProposalReady, brought: VerifiedContent) -> None:
    conn = change.tx.conn
    await registry.save_contents(conn, "prompt_versions", event.project, brought.versions)
    await registry.save_contents(conn, "examples", event.project, brought.examples)
    await registry.save_contents(conn, "example_sets", event.project, brought.sets)
    await call_function(
        conn,
        "open_proposal",
        event.proposal_id,
        event.project,
        event.environment,
        event.target,
        event.name,
        event.kind,
        event.base_digest,
        event.digest,
        event.author,
        event.revision,
        brought.content,
    )
    await use_grant(change, event.project, event.environment, event.proposal_id)
    await change.seal(event.project)


def on_withdrawn(signer: Signer, clock: Clock) -> Handler:
    """`proposal.withdrawn`: closes the proposal if it is still open, also where it has not come yet."""

    async def handle(tx: Tx, events: Sequence[Received[ProposalWithdrawn]]) -> None:
        for received in events:
            event = received.event
            change = UnitOfWork(tx, signer, clock.now(), received.correlation_id, str(received.id))
            try:
                await call_function(tx.conn, "withdraw", event.proposal_id, event.project, event.reason, "proposer")
            except BoundaryError as error:
                raise Permanent(error.code) from None
            await change.seal(event.project)

    return handle
