"""Rows of the outbox: several messages of one key in one row, as bytes (pure).

A message in `PackedRow.messages` is two big-endian 32-bit sizes, its headers and its payload. Headers are names and
values in turn, as UTF-8, separated by NUL. The SQL function `unpack_messages` reads the same format.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple
from uuid import UUID
from zlib import crc32

from shared.errors import Permanent
from shared.events.message import EncodedMessage, Headers, OutgoingMessage

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


def pack(messages: Iterable[tuple[UUID | str, OutgoingMessage | EncodedMessage]], shards: int) -> list[PackedRow]:
    """Return the rows of messages with their event ids; `shards` is the number of relay shards.

    Messages of a topic and key share rows of at most `ROW_BYTES`, in the order given. Raises Permanent if a header
    contains a NUL character.
    """
    rows: list[_Row] = []
    open_rows: dict[tuple[str, str], _Row] = {}
    for event_id, message in messages:
        topic, key, value, headers = message
        header = headers if isinstance(headers, bytes) else _encode_headers(topic, headers)
        size = _SIZES.size + len(header) + len(value)
        row = open_rows.get((topic, key))
        if row is None or row.size + size > ROW_BYTES:
            row = open_rows[topic, key] = _Row(topic, key)
            rows.append(row)
        row.size += size
        row.event_ids.append(event_id if isinstance(event_id, str) else event_id.hex)
        row.parts += (_SIZES.pack(len(header), len(value)), header, value)
    return [row.packed(shards) for row in rows]


def unpack(row_topic: str, row_key: str, event_ids: int, messages: bytes, first: int = 0) -> list[OutgoingMessage]:
    """Return the messages of a row, without the `first` ones; `event_ids` is the size of the row's event ids in bytes.

    Raises Unreadable unless the row holds exactly one message for each event id.
    """
    found: list[OutgoingMessage] = []
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
            found.append(OutgoingMessage(row_topic, row_key, messages[start : start + size], headers))
        count, at = count + 1, start + size
    if count * ID_BYTES != event_ids:
        raise Unreadable(f"{count} messages have event ids of {event_ids} bytes")
    return found


class RewrittenRow(NamedTuple):
    """A row after `rewrite_packed_row`, and how many of its messages were changed and removed."""

    event_ids: bytes
    messages: bytes
    sent_count: int
    changed: int
    removed: int


def rewrite_packed_row(
    event_ids: bytes, messages: bytes, sent_count: int, rewrite: Callable[[bytes], bytes | None]
) -> RewrittenRow:
    """Return a row with other payloads; `rewrite` returns None for a message to be removed.

    `sent_count` is how many of the row's messages were sent. Raises Unreadable for a row of another format.
    """
    ids: list[bytes] = []
    parts: list[bytes] = []
    at = changed = still_sent = 0
    for index in range(len(event_ids) // ID_BYTES):
        if at + _SIZES.size > len(messages):
            raise Unreadable(f"message {index + 1} has no sizes")
        header_size, size = _SIZES.unpack_from(messages, at)
        start = at + _SIZES.size + header_size
        header, payload = messages[at + _SIZES.size : start], messages[start : start + size]
        at = start + size
        new = rewrite(payload)
        if new is None:
            continue
        changed += new != payload
        still_sent += index < sent_count
        ids.append(event_ids[index * ID_BYTES : (index + 1) * ID_BYTES])
        parts += (_SIZES.pack(header_size, len(new)), header, new)
    removed = len(event_ids) // ID_BYTES - len(ids)
    return RewrittenRow(b"".join(ids), b"".join(parts), still_sent, changed, removed)


class _Row:
    """A row that messages are added to."""

    def __init__(self, topic: str, key: str) -> None:
        self.topic = topic
        self.key = key
        self.size = 0
        self.event_ids: list[str] = []
        self.parts: list[bytes] = []

    def packed(self, shards: int) -> PackedRow:
        event_ids = bytes.fromhex("".join(self.event_ids).replace("-", ""))
        return PackedRow(shard_of(self.key, shards), self.topic, self.key, event_ids, b"".join(self.parts))


def _encode_headers(topic: str, headers: Headers) -> bytes:
    joined = _NUL.join([part for header in headers for part in header])
    if headers and joined.count(_NUL) != 2 * len(headers) - 1:
        raise Permanent(f"{topic}: a header contains a NUL character")
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
