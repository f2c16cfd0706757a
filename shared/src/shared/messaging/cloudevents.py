"""CloudEvents 1.0, Kafka protocol binding, binary content mode: attributes as headers, the fact as JSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Generic, NamedTuple, Protocol
from uuid import UUID

from asyncpg.pgproto import pgproto
from pydantic import ValidationError

from shared.errors import Malformed, Permanent, UnknownMajor
from shared.events import CATALOG, Envelope
from shared.events.base import E, Event
from shared.events.message import MAX_PAYLOAD, Message

Headers = Sequence[tuple[str, bytes]]


class Record(Protocol):
    """A message as it lies in a topic; aiokafka's ConsumerRecord is one."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Headers: ...


class Received(NamedTuple, Generic[E]):
    """An event as a handler gets it. (A tuple: thousands are made a second, and a frozen dataclass is slow to make.)"""

    event: E
    id: UUID
    time: datetime
    source: str
    correlation_id: str
    causation_id: str | None
    traceparent: str | None
    topic: str
    partition: int
    offset: int

    def caused(self, event: Event, *, id: UUID, time: datetime, source: str) -> Envelope[Event]:
        """An envelope for an event that this one led to."""
        return Envelope(id, time, source, event, self.correlation_id, str(self.id), self.traceparent)


def encode(envelope: Envelope[Event]) -> Message:
    """The message that carries `envelope`. Raises `Permanent` where Kafka would not take it: better than never sent."""
    event = envelope.event
    value = event.__pydantic_serializer__.to_json(event)
    if len(value) > MAX_PAYLOAD:
        raise Permanent(f"{event.topic}: {len(value)} bytes are more than a message may have")
    headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", str(envelope.id)),
        ("ce_type", event.type),
        ("ce_source", envelope.source),
        ("ce_time", envelope.time.isoformat()),
        ("ce_subject", event.key),
        ("content-type", "application/json"),
        ("correlationid", envelope.correlation_id),
    ]
    if envelope.causation_id:
        headers.append(("causationid", envelope.causation_id))
    if envelope.traceparent:
        headers.append(("traceparent", envelope.traceparent))
    return Message(event.topic, event.key, value, tuple(headers))


def decode(record: Record) -> Received[Event]:
    """The event in `record`. Raises `Malformed` or `UnknownMajor`; their texts never hold the payload's."""
    try:
        attributes = {name: value.decode() for name, value in record.headers}
        # The driver's UUID: a subclass of the standard one, in C, and what the inbox sends on as it is.
        event_id, time = pgproto.UUID(attributes["ce_id"]), datetime.fromisoformat(attributes["ce_time"])
        kind, source = attributes["ce_type"], attributes["ce_source"]
    except (UnicodeDecodeError, KeyError, ValueError) as error:
        raise Malformed(f"attribute missing or unreadable: {type(error).__name__}") from None
    event = CATALOG.get(kind)
    if event is None:
        raise UnknownMajor("an event type that this version does not know")
    try:
        fact = event.__pydantic_validator__.validate_json(record.value or b"")
    except ValidationError as error:
        fields = ", ".join(".".join(str(part) for part in fault["loc"]) or "body" for fault in error.errors()[:5])
        raise Malformed(f"{kind}: {fields}") from None
    return Received(
        fact,
        event_id,
        time,
        source,
        attributes.get("correlationid", attributes["ce_id"]),
        attributes.get("causationid"),
        attributes.get("traceparent"),
        record.topic,
        record.partition,
        record.offset,
    )
