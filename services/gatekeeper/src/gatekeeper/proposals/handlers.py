"""Events about proposals: a draft is kept, and goes live at once only where a grant covers it."""

from collections.abc import Sequence

from gatekeeper.change import Change
from gatekeeper.doors import call
from gatekeeper.grants.using import use_grant
from gatekeeper.keys.signer import Signer
from gatekeeper.proposals.arrivals import Arrival, arrival, unreadable
from gatekeeper.refusals import Refused
from gatekeeper.registry import store as registry
from shared.events.proposals import ProposalReady, ProposalWithdrawn
from shared.messaging.cloudevents import Received
from shared.messaging.errors import Permanent, Retryable
from shared.messaging.store import Handler, Tx
from shared.runtime.clock import Clock

_HALTED = ("halted", "project-halted")
"""Somebody halted while a grant was used: the next try finds that, and leaves the proposal to a person."""


def on_ready(signer: Signer, clock: Clock) -> Handler:
    """`proposal.ready`: stores its contents and opens it; a repeat, or one withdrawn before, changes nothing."""

    async def handle(tx: Tx, events: Sequence[Received[ProposalReady]]) -> None:
        for received in events:
            try:
                brought = arrival(received.event)
            except ValueError as error:
                raise Permanent(unreadable(error)) from None
            change = Change(tx, signer, clock.now(), received.correlation_id, str(received.id), received.traceparent)
            try:
                await _open(change, received.event, brought)
            except Refused as error:
                if error.code in _HALTED:
                    raise Retryable(error.code) from None
                raise Permanent(error.code) from None

    return handle


async def _open(change: Change, event: ProposalReady, brought: Arrival) -> None:
    conn = change.tx.conn
    await registry.put(conn, "prompt_versions", event.project, brought.versions)
    await registry.put(conn, "examples", event.project, brought.examples)
    await registry.put(conn, "example_sets", event.project, brought.sets)
    await call(
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
            change = Change(tx, signer, clock.now(), received.correlation_id, str(received.id))
            try:
                await call(tx.conn, "withdraw", event.proposal_id, event.project, event.reason, "proposer")
            except Refused as error:
                raise Permanent(error.code) from None
            await change.seal(event.project)

    return handle
