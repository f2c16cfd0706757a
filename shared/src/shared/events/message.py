"""Messages of the bus before they are sent: their size limit and their CloudEvents headers."""

from datetime import datetime
from typing import NamedTuple

MAX_PAYLOAD = 900_000
"""Bytes. Kafka rejects messages above about 1 MB, and an event that can't be sent would block the outbox."""

Headers = tuple[tuple[str, str], ...]


class Message(NamedTuple):
    """A message to send: CloudEvents attributes as headers, the event's JSON as value."""

    topic: str
    key: str
    value: bytes
    headers: Headers


def cloudevent_headers(
    event_id: str,
    event_type: str,
    source: str,
    time: datetime,
    subject: str,
    correlation_id: str,
    causation_id: str | None = None,
    traceparent: str | None = None,
) -> Headers:
    """Return the headers of an event in CloudEvents' binary mode; an absent cause or trace yields no header."""
    headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", event_id),
        ("ce_type", event_type),
        ("ce_source", source),
        ("ce_time", time.isoformat()),
        ("ce_subject", subject),
        ("content-type", "application/json"),
        ("correlationid", correlation_id),
    ]
    if causation_id:
        headers.append(("causationid", causation_id))
    if traceparent:
        headers.append(("traceparent", traceparent))
    return tuple(headers)
