"""What operators did."""

from typing import ClassVar, Literal
from uuid import UUID

from shared.events.base import ProjectEvent

Settled = Literal["replayed", "discarded"]


class DeadLetterSettled(ProjectEvent):
    """An operator had a parked message taken again, or gave it up for good. Ids only: nothing of the message.

    `project` and `environment` are the operator's. `letter_topic` is where the message came from.
    """

    topic: ClassVar[str] = "dead_letter.settled"

    letter_id: UUID
    service: str
    consumer: str
    letter_topic: str
    outcome: Settled
    by: str
    key_id: str
