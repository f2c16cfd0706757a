"""What operators did."""

from typing import ClassVar, Literal
from uuid import UUID

from shared.events.base import AwareDatetime, ProjectEvent

Settled = Literal["replayed", "discarded"]
Operation = Literal["events_republished", "consumer_resumed"]


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


class OperationPerformed(ProjectEvent):
    """An operator acted on a service: sent events of their project again, or resumed a paused consumer.

    `consumer` is the one that was resumed. `events` is how many were sent again; `republished_topic`, `since` and
    `lacking` say which of them were asked for. Nothing of any message.
    """

    topic: ClassVar[str] = "operation.performed"

    operation: Operation
    service: str
    consumer: str | None = None
    events: int | None = None
    republished_topic: str | None = None
    since: AwareDatetime | None = None
    lacking: bool = False
    by: str
    key_id: str
