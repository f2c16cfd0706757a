"""Rows of the outbox: several messages of one key in one row, as bytes (pure).

A message in `PackedRow.messages` is two big-endian 32-bit sizes, its headers and its payload. Headers are names and
values in turn, as UTF-8, separated by NUL. The SQL function `unpack_messages` reads the same format.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

from shared.errors import Permanent
from shared.events.message import EncodedMessage, Headers, Message

ROW_BYTES = 256 * 1024
"""Maximum size of `PackedRow.messages`; a single message may be larger."""
ID_BYTES = 16

_SIZES = struct.Struct(">II")
_NUL = "\0"


class Unreadable(ValueError):
    """A row does not have the format of this version. The text never contains the row's content."""


class PackedRow(NamedTuple):
    """A row to insert: messages of one topic and key in their order. `event_ids`: 16 bytes for each."""

    shard: int
    topic: str
    key: str
    event_ids: bytes
    messages: bytes


def shard_of(key: str, shards: int) -> int:
    """Return the relay shard of a message key: one relay sends all messages of a key, in order."""
    return crc32(key.encode()) % shards


def pack(messages: Iterable[tuple[UUID | str, Message | EncodedMessage]], shards: int) -> list[PackedRow]:
    """Return the rows of messages with their event ids; `shards` is the number of relay shards.

    Messages of a topic and key share rows of at most `ROW_BYTES`, in the order given. Raises Permanent if a header
    contains a NUL character.
    """
    rows: list[_Row] = []
    open_rows: dict[tuple[str, str], _Row] = {}
    for event_id, message in messages:
        header = message.headers if isinstance(message, EncodedMessage) else _encode_headers(message)
        size = _SIZES.size + len(header) + len(message.value)
        row = open_rows.get((message.topic, message.key))
        if row is None or row.size + size > ROW_BYTES:
            row = _Row(message.topic, message.key)
            open_rows[message.topic, message.key] = row
            rows.append(row)
        row.size += size
        row.event_ids.append(_id_bytes(event_id))
        row.parts += (_SIZES.pack(len(header), len(message.value)), header, message.value)
    return [row.packed(shards) for row in rows]


def unpack(row_topic: str, row_key: str, event_ids: int, messages: bytes, first: int = 0) -> list[Message]:
    """Return the messages of a row, without the `first` ones; `event_ids` is the size of the row's event ids in bytes.

    Raises Unreadable unless the row holds exactly one message for each event id.
    """
    found: list[Message] = []
    count, at, end = 0, 0, len(messages)
    while at < end:
        if at + _SIZES.size > end:
            raise Unreadable(f"message {count + 1} has no sizes")
        header_size, size = _SIZES.unpack_from(messages, at)
        start = at + _SIZES.size + header_size
        if start + size > end:
            raise Unreadable(f"message {count + 1} is longer than its row")
        if count >= first:
            headers = _decode_headers(messages[at + _SIZES.size : start])
            found.append(Message(row_topic, row_key, messages[start : start + size], headers))
        count, at = count + 1, start + size
    if count * ID_BYTES != event_ids:
        raise Unreadable(f"{count} messages have event ids of {event_ids} bytes")
    return found


class _Row:
    """A row that messages are added to."""

    def __init__(self, topic: str, key: str) -> None:
        self.topic = topic
        self.key = key
        self.size = 0
        self.event_ids: list[bytes] = []
        self.parts: list[bytes] = []

    def packed(self, shards: int) -> PackedRow:
        return PackedRow(
            shard_of(self.key, shards), self.topic, self.key, b"".join(self.event_ids), b"".join(self.parts)
        )


def _id_bytes(event_id: UUID | str) -> bytes:
    return event_id.bytes if isinstance(event_id, UUID) else bytes.fromhex(event_id.replace("-", ""))


def _encode_headers(message: Message) -> bytes:
    joined = _NUL.join([part for header in message.headers for part in header])
    if message.headers and joined.count(_NUL) != 2 * len(message.headers) - 1:
        raise Permanent(f"{message.topic}: a header contains a NUL character")
    return joined.encode()


def _decode_headers(encoded: bytes) -> Headers:
    if not encoded:
        return ()
    try:
        parts: Sequence[str] = encoded.decode().split(_NUL)
    except UnicodeDecodeError:
        raise Unreadable("headers are not UTF-8") from None
    if len(parts) % 2:
        raise Unreadable("a header has no value")
    return tuple(zip(parts[::2], parts[1::2], strict=True))
