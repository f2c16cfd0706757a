"""Erasure of a user from the proposer: their candidates, and the open proposals that were made of these."""

from collections.abc import Mapping

from proposer.proposal_service import ProposalService
from proposer.storage.repository import ProposerRepository
from shared.events.erasure import ErasureRequested
from shared.messaging.cloudevents import Received
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.store import Tx
from shared.messaging.subject_erasure import SubjectErasure
from shared.runtime.clock import Clock

TOPICS = ("proposal.ready", "feedback.created.dlq")
"""Topics of the outbox whose messages have texts or hashes of users."""


def erasure_handler(service: ProposalService, subjects: ErasedSubjects, clock: Clock) -> SubjectErasure:
    """Return the handler of `erasure.requested`."""

    async def erase_rows(tx: Tx, received: Received[ErasureRequested]) -> Mapping[str, int]:
        """Delete candidates whose input or output is the user's, and withdraw the open proposals with them."""
        repository = ProposerRepository(tx.conn)
        event = received.event
        targets = await repository.candidates.list_prompts_of(event.project, event.subject)
        states = await repository.prompts.lock_prompts(targets)
        erased = await repository.candidates.delete_of(event.project, event.subject)
        withdrawn = 0
        for key, state in states.items():
            withdrawn += await service.erase_examples(tx, state, erased.get(key, set()), received)
        failed = await repository.failed_answers.delete_of(event.project, event.subject)
        return {"candidates": sum(map(len, erased.values())), "proposals": withdrawn, "failed_answers": failed}

    return SubjectErasure("proposer", subjects, clock, TOPICS, erase_rows)
