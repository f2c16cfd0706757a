"""Dead letters: messages that could not be processed, and the messages that mirror them on `<topic>.dlq`."""

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID

from shared.errors import Permanent, reason_of
from shared.events import derived_id
from shared.events.message import MAX_PAYLOAD, OutgoingMessage
from shared.messaging.cloudevents import Record
from shared.messaging.redaction import without_secrets
from shared.messaging.topics import dead_letters_of
from shared.problems import printable

_MAX_HEADERS, _MAX_TEXT = 30, 300
"""Headers that a mirror copies, and bytes of each copied text; escaping may make a byte four characters."""
_MAX_DETAIL = 300


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be processed, with its origin and the reason. `detail` never holds its text."""

    id: UUID
    consumer: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    payload: bytes
    reason: str
    detail: str

    @classmethod
    def from_record(cls, consumer: str, record: Record, error: BaseException) -> "DeadLetter":
        """Return the dead letter of `record`. A message that is sent or parked repeatedly keeps its letter's id."""
        value = record.value or b""
        event_id = dict(record.headers).get("ce_id", f"{record.partition}/{record.offset}".encode())
        return cls(
            derived_id("dead-letter", consumer, record.topic, event_id.hex(), sha256(value).hexdigest()),
            consumer,
            record.topic,
            record.partition,
            record.offset,
            record.key,
            tuple(record.headers),
            value,
            reason_of(error),
            detail_of(error),
        )

    @property
    def value(self) -> bytes:
        """The payload, under the name that records have for it."""
        return self.payload


def detail_of(error: BaseException) -> str:
    """Return what operators read about `error`: our own text, or its type's name: others may quote a message."""
    own = str(error) if isinstance(error, Permanent) else ""
    text = without_secrets(own.encode("utf-8", "backslashreplace")).decode()
    return printable(text, _MAX_DETAIL) or type(error).__name__


def mirror_message(letter: DeadLetter) -> OutgoingMessage:
    """Return the message that mirrors `letter`: the original payload, with its origin and the reason as headers.

    Whatever might make Kafka reject it is cut, or it would block the outbox; the database row holds all of it.
    """
    origin = f"{letter.topic}/{letter.partition}/{letter.offset}"
    headers = (
        *((_safe_text(name.encode()), _safe_text(value)) for name, value in letter.headers[:_MAX_HEADERS]),
        ("dlq_id", str(letter.id)),
        ("dlq_origin", origin),
        ("dlq_consumer", letter.consumer),
        ("dlq_reason", letter.reason),
    )
    payload = without_secrets(letter.payload)[:MAX_PAYLOAD]
    return OutgoingMessage(dead_letters_of(letter.topic), _safe_text(letter.key or b""), payload, headers)


def _safe_text(value: bytes) -> str:
    """Return a key or a part of a header, redacted and cut, as text that PostgreSQL and Kafka accept."""
    return without_secrets(value)[:_MAX_TEXT].decode("utf-8", "backslashreplace").replace("\0", "\\0")
