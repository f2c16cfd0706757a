"""Responses of the routes of operators."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.web.response_models import NEXT, DescribedResponse


class SentTopic(DescribedResponse):
    """What the service sends on a topic. Rates are of the last minute, null in the first seconds."""

    topic: str
    rate_per_s: float | None
    sent: int
    unsent: int
    oldest_unsent_at: datetime | None


class ConsumedTopic(DescribedResponse):
    """What a consumer of the service reads; `lag` is null while it is not known."""

    consumer: str
    topic: str
    rate_per_s: float | None
    lag: int | None
    oldest_unprocessed_at: datetime | None
    paused: bool


class ParkedEvents(DescribedResponse):
    """Dead letters of a consumer and topic that wait for an operator."""

    topic: str
    consumer: str
    parked: int
    oldest_parked_at: datetime


class OffsetGap(DescribedResponse):
    """Events that were read again, because the database was older than Kafka's offsets; Kafka had deleted `lost`."""

    consumer: str
    topic: str
    partition: int
    first: int
    next: int
    lost: int
    found_at: datetime


class TopicsView(DescribedResponse):
    """What one instance of a service sends, consumes and has parked, since its start."""

    instance: str
    since: datetime
    topics: list[SentTopic]
    consumers: list[ConsumedTopic]
    dead_letters: list[ParkedEvents]
    gaps: list[OffsetGap]


class LetterOrigin(DescribedResponse):
    """Where a message came from."""

    topic: str
    partition: int
    offset: int


class LetterView(DescribedResponse):
    """A dead letter. Headers and payload are redacted, and empty if its project is unknown."""

    id: UUID
    consumer: str
    origin: LetterOrigin
    reason: str
    detail: str
    status: Literal["parked", "replayed", "discarded"]
    parked_at: datetime
    project: str | None
    headers: dict[str, str]
    payload: str


class LetterPage(DescribedResponse):
    """A page of dead letters, newest first."""

    items: list[LetterView]
    next: str | None = NEXT
