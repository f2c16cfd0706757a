"""Handlers of `proposal.ready` and `proposal.withdrawn`."""

from collections.abc import Sequence
from dataclasses import dataclass

from gatekeeper.domain.errors import BoundaryError
from gatekeeper.domain.signer import Signer
from gatekeeper.domain.verified_content import VerifiedContent, mismatch_reason, verify_content
from gatekeeper.storage.boundary_functions import call_function
from gatekeeper.storage.contents import ContentRepository
from gatekeeper.storage.proposals import ProposalRepository
from gatekeeper.use_cases.evaluations import request_evaluation
from gatekeeper.use_cases.grants import HALTED, use_grant
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from shared.errors import Permanent, Retryable
from shared.events.base import subject_key
from shared.events.proposals import ProposalReady, ProposalWithdrawn
from shared.messaging.cloudevents import Received
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.store import Subscription, Tx
from shared.runtime.clock import Clock

_MAX_BATCH = 50
"""Events per transaction. Each locks its project, so a batch must be short."""


@dataclass(frozen=True, slots=True)
class ProposalHandlers:
    """Store proposals and close withdrawn ones. A version goes live here only if a grant covers it."""

    signer: Signer
    clock: Clock
    subjects: ErasedSubjects

    def subscriptions(self) -> tuple[Subscription, ...]:
        """Return the subscriptions of these handlers."""
        return (
            Subscription("proposals", (ProposalReady,), self.on_ready, _MAX_BATCH),
            Subscription("withdrawals", (ProposalWithdrawn,), self.on_withdrawn, _MAX_BATCH),
        )

    async def on_ready(self, tx: Tx, events: Sequence[Received[ProposalReady]]) -> None:
        """Store the contents of proposals and open them; a repeated or already withdrawn one changes nothing.

        Clients are not notified here: `prompt.live` reaches every instance through Kafka. A proposal with texts of an
        erased user is dropped: the proposer withdraws it and makes another.
        """
        for received in events:
            if await self.subjects.find_erased(tx.conn, _users(received.event)):
                self.subjects.count_dropped(1)
            else:
                await self._verify_and_open(tx, received)

    async def _verify_and_open(self, tx: Tx, received: Received[ProposalReady]) -> None:
        """Raise Permanent if contents and digests differ or the boundary refuses; Retryable while halted."""
        try:
            contents = verify_content(received.event)
        except ValueError as error:
            raise Permanent(mismatch_reason(error)) from None
        try:
            await _open(self._unit(tx, received), received.event, contents)
        except BoundaryError as error:
            if error.code in HALTED:
                raise Retryable(error.code) from None
            raise Permanent(error.code) from None

    async def on_withdrawn(self, tx: Tx, events: Sequence[Received[ProposalWithdrawn]]) -> None:
        """Close proposals that are still open. One that has not arrived yet is closed on arrival."""
        for received in events:
            event = received.event
            unit = self._unit(tx, received)
            try:
                await call_function(unit.conn, "withdraw", event.proposal_id, event.project, event.reason, "proposer")
            except BoundaryError as error:
                raise Permanent(error.code) from None
            await unit.sign_audit_head(event.project)

    def _unit(self, tx: Tx, received: Received[ProposalReady] | Received[ProposalWithdrawn]) -> UnitOfWork:
        cause = (received.correlation_id, str(received.id), received.traceparent)
        return UnitOfWork(tx, self.signer, self.clock.now(), *cause)


def _users(event: ProposalReady) -> set[str]:
    examples = (example for example_set in event.example_sets for example in example_set.examples)
    users = {user for example in examples for user in (example.user, example.author) if user is not None}
    return {subject_key(event.project, user) for user in users}


async def _open(unit: UnitOfWork, event: ProposalReady, contents: VerifiedContent) -> None:
    repository = ContentRepository(unit.conn)
    await repository.save_versions(event.project, contents.versions)
    await repository.save_examples(event.project, contents.examples)
    await repository.save_example_sets(event.project, contents.sets)
    await call_function(
        unit.conn,
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
        contents.content,
    )
    await use_grant(unit, event.project, event.environment, event.proposal_id)
    stored = await ProposalRepository(unit.conn).get_proposal(event.project, event.environment, event.proposal_id)
    if stored is not None:
        await request_evaluation(unit, stored)
    await unit.sign_audit_head(event.project)
