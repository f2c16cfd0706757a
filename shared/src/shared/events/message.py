"""Messages of the bus before they are sent, and how large they may be."""

from typing import NamedTuple

MAX_PAYLOAD = 900_000
"""Bytes. Kafka refuses a message of about 1 MB, and an event that can't leave the outbox would block it."""


class Message(NamedTuple):
    """A message to send: CloudEvents attributes as headers, the event's JSON as value."""

    topic: str
    key: str
    value: bytes
    headers: tuple[tuple[str, str], ...]
