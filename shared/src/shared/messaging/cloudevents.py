"""CloudEvents 1.0 in Kafka's binary content mode: attributes as headers, the event's fields as JSON."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from asyncpg.pgproto import pgproto
from pydantic import ValidationError

from shared.declared_fields import declared_names, declared_path
from shared.errors import Malformed, Permanent, UnknownMajor
from shared.events import CATALOG, Envelope
from shared.events.base import Event
from shared.events.feedback_structs import DECODERS, REFUSED
from shared.events.message import MAX_PAYLOAD, OutgoingMessage, cloudevent_headers

Headers = Sequence[tuple[str, bytes]]
E = TypeVar("E", covariant=True)
"""An event, or its struct."""


class Record(Protocol):
    """A message of a topic; aiokafka's ConsumerRecord is one."""

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
    """An event as handlers receive it. A tuple: thousands are created a second, and dataclasses are slow."""

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
        """Return an envelope for `event`, with this event as its cause."""
        return Envelope(id, time, source, event, self.correlation_id, str(self.id), self.traceparent)


def encode(envelope: Envelope[Event]) -> OutgoingMessage:
    """Return the message of `envelope`. Raises Permanent if it is too large for Kafka, before it enters the outbox."""
    event = envelope.event
    value = event.__pydantic_serializer__.to_json(event)
    if len(value) > MAX_PAYLOAD:
        raise Permanent(f"{event.topic}: the event has {len(value)} bytes; at most {MAX_PAYLOAD} are allowed")
    headers = cloudevent_headers(
        str(envelope.id),
        event.type,
        envelope.source,
        envelope.time,
        event.key,
        envelope.correlation_id,
        envelope.causation_id,
        envelope.traceparent,
    )
    return OutgoingMessage(event.topic, event.key, value, headers)


def decode(record: Record, structs: bool = False) -> Received[Any]:
    """Return the event in `record`; with `structs`, its struct if it has one and accepts the message.

    Raises Malformed or UnknownMajor, with messages that never contain the payload.
    """
    try:
        attributes = {name: value.decode() for name, value in record.headers}
        # The driver's UUID: a subclass of the standard one in C, which the inbox passes on unconverted.
        event_id, time = pgproto.UUID(attributes["ce_id"]), datetime.fromisoformat(attributes["ce_time"])
        kind, source = attributes["ce_type"], attributes["ce_source"]
    except (UnicodeDecodeError, KeyError, ValueError) as error:
        raise Malformed(f"CloudEvents attribute is missing or unreadable: {type(error).__name__}") from None
    parsed = _decode_struct(kind, record.value) if structs else None
    if parsed is None:
        parsed = _decode_model(kind, record.value or b"")
    return Received(
        parsed,
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


def _decode_struct(kind: str, body: bytes | None) -> Any:
    """Return the struct of an event; None if it has none or refuses the message, so that the model must decide."""
    decoder = DECODERS.get(kind)
    if decoder is None or body is None:
        return None
    try:
        return decoder(body)
    except REFUSED:
        return None


def _decode_model(kind: str, body: bytes) -> Event:
    event = CATALOG.get(kind)
    if event is None:
        raise UnknownMajor("the event type is unknown to this version")
    try:
        return event.__pydantic_validator__.validate_json(body)  # type: ignore[no-any-return]
    except ValidationError as error:
        raise Malformed(f"{kind}: {_fields_of(error, event)}") from None


def _fields_of(error: ValidationError, event: type[Event]) -> str:
    """Return the declared names of the first wrong fields; keys of objects are parts of the payload."""
    names = declared_names(event)
    locs = [fault["loc"] for fault in error.errors(include_input=False, include_url=False)[:5]]
    paths = ["".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)[1:] for loc in locs]
    return ", ".join(declared_path(path, names) if path else "body" for path in paths)
