"""Erasure of a user from the analyzer: it has values, which stay, and words of inputs without their users."""

from collections.abc import Mapping

from analyzer.storage.rare_words import RareWordRepository
from shared.events.erasure import ErasureRequested
from shared.messaging.cloudevents import Received
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.store import Tx
from shared.messaging.subject_erasure import SubjectErasure
from shared.runtime.clock import Clock

TOPICS = ("execution.recorded.dlq", "feedback.created.dlq")
"""Topics of the outbox whose messages have texts or hashes of users."""


def erasure_handler(subjects: ErasedSubjects, clock: Clock) -> SubjectErasure:
    """Return the handler of `erasure.requested`."""
    return SubjectErasure("analyzer", subjects, clock, TOPICS, _erase_rows)


async def _erase_rows(tx: Tx, received: Received[ErasureRequested]) -> Mapping[str, int]:
    words, project = RareWordRepository(tx.conn), received.event.project
    return {"words": await words.delete_input_words(project), "labels": await words.delete_labels(project)}
