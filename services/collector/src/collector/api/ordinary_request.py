"""Reads requests in the common form of HTTP/1.1, when all of one is there. Pure.

It is no HTTP parser: whatever has another form, or could mean anything else, is left to the parser.

Most requests of a client have the same head, but for two headers that differ each time. Those are cut out, and what is
left is looked up among the heads that were read before.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from collector.api.request import IDEMPOTENCY_KEY, TRACEPARENT, Headers, read_headers
from shared.problems import Problem

_NAME = re.compile(rb"[a-z0-9-]+")
_COMMON = frozenset({
    b"host", b"authorization", b"content-type", b"content-length", b"tracestate", b"date", b"user-agent", b"accept",
    b"accept-encoding", b"connection",
})  # fmt: skip
"""Header names that need no check of their form."""
_FOR_PARSER = frozenset({
    b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"proxy-connection", b"trailer", b"te",
    b"idempotency-key", b"traceparent",
})  # fmt: skip
"""Header names that change how a request is read or answered, or that were not cut out: twice, or in odd spelling."""
_KEPT_ALIVE = (None, b"keep-alive", b"Keep-Alive")
_LONGEST_HEAD = 2048
_HEADS = 512
"""Heads that are kept, with the API keys in them, as `KeyStore` keeps them."""


class OrdinaryHead(NamedTuple):
    """The head of a request without the headers that differ each time.

    `line` is its first line, the names of `fields` are in lower case, `headers` are those that ingestion uses.
    """

    line: bytes
    fields: dict[bytes, bytes]
    headers: Headers


class OrdinaryRequest(NamedTuple):
    """A complete request."""

    head: OrdinaryHead
    idempotency_key: str | None
    traceparent: str | None
    content: bytes


def read_ordinary_request(data: bytes) -> OrdinaryRequest | None:
    """Return the request that `data` consists of; None unless it is complete, alone and in the common form.

    That is: a line for each header, in printable characters, with one space after the colon and none at the end; no
    name twice; a Content-Length; and nothing that the parser has to know.
    """
    lines, blank_line, content = data.partition(b"\r\n\r\n")
    key = trace = None
    if b"\r\nIdempotency-Key: " in lines:
        lines, key = _cut(lines, b"\r\nIdempotency-Key: ")
    elif b"\r\nidempotency-key: " in lines:
        lines, key = _cut(lines, b"\r\nidempotency-key: ")
    if b"\r\ntraceparent: " in lines:
        lines, trace = _cut(lines, b"\r\ntraceparent: ")
    if len(lines) > _LONGEST_HEAD:
        return None
    head = _read_head(lines)
    if head is None or not blank_line or head.headers.length != len(content):
        return None
    if key is not None and not IDEMPOTENCY_KEY.fullmatch(key):
        return None
    if trace is not None and not TRACEPARENT.fullmatch(trace):
        return None
    return OrdinaryRequest(
        head, None if key is None else key.decode("ascii"), None if trace is None else trace.decode("ascii"), content
    )


def _cut(lines: bytes, beginning: bytes) -> tuple[bytes, bytes]:
    """Return the lines without the first one that begins so, and the rest of that one."""
    before, _, rest = lines.partition(beginning)
    value, end, after = rest.partition(b"\r\n")
    return before + end + after, value


@lru_cache(maxsize=_HEADS)
def _read_head(lines: bytes) -> OrdinaryHead | None:
    line, *rest = lines.split(b"\r\n")
    fields: dict[bytes, bytes] = {}
    for field in rest:
        name, _, value = field.partition(b": ")
        fields[name.lower()] = value
    length = fields.get(b"content-length", b"")
    if (
        not length.isdigit()
        or length != b"%d" % int(length[:15])
        or len(fields) < len(rest)
        or not all(fields.values())  # without a colon, all of the line was taken for a name
        or not _FOR_PARSER.isdisjoint(fields)
        or fields.get(b"connection") not in _KEPT_ALIVE
        or b":  " in lines
        or b" \r\n" in lines
        or lines.endswith(b" ")
        or not lines.replace(b"\r\n", b"").decode("latin-1").isprintable()  # no control character is printable
    ):
        return None
    if not _COMMON.issuperset(fields) and not all(map(_NAME.fullmatch, fields)):
        return None
    try:
        return OrdinaryHead(line, fields, read_headers(fields, int(length)))
    except Problem:
        return None
