"""Reading of requests: headers, and the body within limits of size and time, inflated where it is gzip (RFC 1952)."""

import asyncio
import re
import zlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, NamedTuple

from shared.problems import Problem, invalid

_GZIP_CODINGS = (b"gzip", b"x-gzip")
GZIP_WINDOW = 16 + zlib.MAX_WBITS
"""zlib's notation for a gzip header and trailer, with its largest window (32 KB)."""


def has_gzip_body(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Tell whether the body of a request with these headers is gzip. Raises Problem 415 for another coding.

    Two codings, in one header or in two, are refused even if both are gzip.
    """
    encodings = [value for name, value in headers if name == b"content-encoding"]
    if not encodings:
        return False
    if len(encodings) == 1:
        coding = encodings[0].strip().lower()
        if coding in _GZIP_CODINGS:
            return True
        if coding == b"identity":
            return False
    problem = invalid("Content-Encoding", "must be gzip, once, or left out", 415)
    problem.headers = {"Accept-Encoding": "gzip"}  # RFC 9110, 15.5.16
    raise problem


def inflate(content: bytes, limit: int) -> bytes:
    """Return the inflated `content`, of which no more than `limit` + 1 bytes are ever inflated.

    Raises Problem 413 past `limit` bytes; 400 for data that is not gzip, is cut off, fails its checksum or continues
    after its end.
    """
    stream = zlib.decompressobj(GZIP_WINDOW)
    try:
        inflated = stream.decompress(content, limit + 1)
    except zlib.error:
        raise invalid("body", "must be gzip, as Content-Encoding says", 400) from None
    if len(inflated) > limit:
        raise too_large(limit, "bytes after decompression")
    if not stream.eof:
        raise invalid("body", "must be complete gzip data, but it ends early", 400)
    if stream.unused_data:
        raise invalid("body", "must be one gzip member, but data follows its end", 400)
    return inflated


def too_large(limit: int, unit: str = "bytes") -> Problem:
    """Return the Problem 413 of a body past `limit`."""
    error = {"field": "body", "reason": f"must have at most {limit} {unit}"}
    close = {"Connection": "close"}
    return Problem(413, "too-large", "The request is too large", f"body: {error['reason']}", [error], close)


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
IDEMPOTENCY_KEY = re.compile(rb"[\x21-\x7e]{1,255}")
_CLOSE = {"Connection": "close"}


class ClientDisconnected(Exception):
    """The client disconnected before its request was complete."""


class Headers(NamedTuple):
    """The headers that ingestion uses."""

    authorization: str | None = None
    idempotency_key: str | None = None
    traceparent: str | None = None
    length: int = 0
    date: bytes | None = None


def read_headers(found: Mapping[bytes, bytes], body_limit: int) -> Headers:
    """Return the headers, whose names are in lower case.

    Raises Problem 415 for another media type, 413 for a large Content-Length, 422 or 400.
    """
    media = found.get(b"content-type")
    if media is not None and media != b"application/json":
        _check_media(media)
    length = found.get(b"content-length", b"0")
    if not length.isdigit():
        raise invalid("Content-Length", "must be a number", 400)
    if len(length) > 15 or int(length) > body_limit:
        raise too_large(body_limit)
    key = found.get(b"idempotency-key")
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        raise invalid("Idempotency-Key", "must be 1 to 255 printable ASCII characters without spaces")
    trace = found.get(b"traceparent")
    authorization = found.get(b"authorization")
    return Headers(
        None if authorization is None else authorization.decode("latin-1"),
        None if key is None else key.decode("ascii"),
        trace.decode("ascii") if trace is not None and TRACEPARENT.fullmatch(trace) else None,
        int(length),
        found.get(b"date"),
    )


def _check_media(content_type: bytes) -> None:
    media = content_type.partition(b";")[0].strip().lower()
    if media != b"application/json" and not media.endswith(b"+json"):
        raise invalid("Content-Type", "must be application/json", 415)


async def read_body(receive: Receive, limit: int, seconds: float) -> bytes:
    """Return the whole body. Raises Problem 413 past `limit` bytes, 408 after `seconds`, or ClientDisconnected."""
    try:
        async with asyncio.timeout(seconds):
            message = await receive()
            if not message.get("more_body", False) and message["type"] == "http.request":
                return _within(message.get("body", b""), limit)
            return await _read_chunks(message, receive, limit)
    except TimeoutError:
        raise too_slow(seconds) from None


def too_slow(seconds: float) -> Problem:
    """Return the Problem 408 of a body, or a part of it, that did not arrive within `seconds`."""
    error = {"field": "body", "reason": f"must arrive within {seconds:g} s"}
    return Problem(408, "too-slow", "The request arrived too slowly", error["reason"], [error], _CLOSE)


async def _read_chunks(message: MutableMapping[str, Any], receive: Receive, limit: int) -> bytes:
    body = bytearray()
    while True:
        if message["type"] != "http.request":
            raise ClientDisconnected
        body += message.get("body", b"")
        _within(body, limit)
        if not message.get("more_body", False):
            return bytes(body)
        message = await receive()


def _within(body: bytes | bytearray, limit: int) -> bytes:
    if len(body) > limit:
        raise too_large(limit)
    return body  # type: ignore[return-value]
