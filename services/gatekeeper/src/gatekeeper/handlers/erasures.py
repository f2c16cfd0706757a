"""Handler of `erasure.requested`."""

from collections.abc import Mapping

from gatekeeper.domain.errors import BoundaryError
from gatekeeper.domain.signer import Signer
from gatekeeper.use_cases.erasure import erase_subject
from gatekeeper.use_cases.unit_of_work import UnitOfWork
from shared.errors import Permanent
from shared.events.erasure import ErasureRequested
from shared.messaging.cloudevents import Received
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.store import Tx
from shared.messaging.subject_erasure import SubjectErasure
from shared.runtime.clock import Clock

TOPICS = ("proposal.ready.dlq",)
"""Topics of the outbox whose messages have hashes of users."""


def erasure_handler(signer: Signer, subjects: ErasedSubjects, clock: Clock) -> SubjectErasure:
    """Return the handler."""

    async def erase_rows(tx: Tx, received: Received[ErasureRequested]) -> Mapping[str, int]:
        cause = (received.correlation_id, str(received.id), received.traceparent)
        try:
            return await erase_subject(UnitOfWork(tx, signer, clock.now(), *cause), received.event)
        except BoundaryError as error:
            raise Permanent(error.code) from None

    return SubjectErasure("gatekeeper", subjects, clock, TOPICS, erase_rows)
