"""Content-Encoding of request bodies: `gzip` (RFC 1952), inflated within the limit that plain bodies have. Pure."""

import zlib
from collections.abc import Iterable

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
