"""What the collector and its worker process send each other: frames of a length and a message."""

from typing import Any, BinaryIO

import msgspec

_LENGTH_BYTES = 4


class WorkerRequest(msgspec.Struct):
    """Statements without results, then one query. The tables of one request are unknown to the next."""

    query: str
    statements: list[str] = []
    parameters: dict[str, Any] = {}


class WorkerReply(msgspec.Struct):
    """The rows of the query; or the name of DuckDB's error, and its message."""

    rows: list[list[Any]] = []
    error: str | None = None
    message: str = ""


def frame(message: bytes) -> bytes:
    """Return a message with its length before it."""
    return len(message).to_bytes(_LENGTH_BYTES, "big") + message


def frame_length(head: bytes) -> int:
    """Return the length of the message that follows."""
    return int.from_bytes(head, "big")


def read_frame(source: BinaryIO) -> bytes | None:
    """Return the next message; None at the end."""
    head = source.read(_LENGTH_BYTES)
    return source.read(frame_length(head)) if len(head) == _LENGTH_BYTES else None


def write_frame(target: BinaryIO, message: bytes) -> None:
    """Send a message."""
    target.write(frame(message))
    target.flush()


HEAD_BYTES = _LENGTH_BYTES
