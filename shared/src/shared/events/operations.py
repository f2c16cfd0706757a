"""Events about the actions of operators."""

from typing import ClassVar, Literal
from uuid import UUID

from shared.events.base import AwareDatetime, ProjectEvent

Settled = Literal["replayed", "discarded"]
Operation = Literal["events_republished", "consumer_resumed"]


class DeadLetterSettled(ProjectEvent):
    """An operator replayed or discarded a dead letter. The event has ids only, no part of the message.

    `project` and `environment` are the operator's. `letter_topic` is the topic of the message.
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
    """An operator republished events of their project, or resumed a paused consumer.

    `consumer` is the resumed one. `events` is the number of republished events; `republished_topic`, `since` and
    `lacking` are the filters of the request. The event has no part of any message.
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
