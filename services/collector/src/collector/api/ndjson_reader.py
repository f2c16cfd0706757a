"""Reading of newline-delimited JSON: groups of lines from a body of any length, in bounded memory."""

import asyncio
import zlib
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from collector.api.request import GZIP_WINDOW, ClientDisconnected, Receive, too_large, too_slow
from shared.problems import invalid

_GROUP_LINES = 500
_GROUP_BYTES = 1_000_000
_MAX_BLANK = 10_000
"""Blank lines of a body: they cost time, and compressed ones nothing else."""
_INFLATED = 256_000
"""Bytes that are inflated at once."""


class BulkLimits(NamedTuple):
    """`body`: bytes of the whole body, after decompression; `line`: of a line; `seconds`: between two reads."""

    body: int
    line: int
    seconds: float


class Line(NamedTuple):
    """A line that is not blank. `content` is None if it is longer than the limit; it was not kept then."""

    number: int
    content: bytes | None


class LineSplitter:
    """Splits chunks into lines. What is kept between chunks is at most one line of the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rest = b""
        self._skipping = False
        self._number = self._blank = 0

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """Yield the lines that end in `chunk`. Raises Problem 422 for too many blank lines."""
        *ended, rest = chunk.split(b"\n")
        for part in ended:
            yield from self._end(part)
        self._keep(rest)

    def finish(self) -> Iterator[Line]:
        """Yield the last line, if it has no line break."""
        yield from self._end(b"")

    def _end(self, part: bytes) -> Iterator[Line]:
        self._keep(part)
        content, skipped = self._rest, self._skipping
        self._rest, self._skipping = b"", False
        self._number += 1
        if skipped:
            yield Line(self._number, None)
        elif content := content.strip(b" \t\r"):
            yield Line(self._number, content)
        else:
            self._blank += 1
            if self._blank > _MAX_BLANK:
                raise invalid("body", f"must have at most {_MAX_BLANK} blank lines")

    def _keep(self, part: bytes) -> None:
        if self._skipping or len(self._rest) + len(part) > self._limit:
            self._rest, self._skipping = b"", True
        else:
            self._rest += part


async def read_groups(receive: Receive, limits: BulkLimits, *, gzip: bool) -> AsyncIterator[list[Line]]:
    """Yield the lines of a body in groups; the next part is read when the next group is needed.

    Raises Problem 408, 413, or 400 for broken gzip data; or ClientDisconnected.
    """
    splitter, group, size, total = LineSplitter(limits.line), [], 0, 0
    chunks = _chunks(receive, limits.seconds)
    async for chunk in _inflated(chunks) if gzip else chunks:
        total += len(chunk)
        if total > limits.body:
            raise too_large(limits.body, "bytes after decompression" if gzip else "bytes")
        for line in splitter.feed(chunk):
            group.append(line)
            size += len(line.content or b"")
            if len(group) == _GROUP_LINES or size >= _GROUP_BYTES:
                yield group
                group, size = [], 0
    if group := [*group, *splitter.finish()]:
        yield group


async def _chunks(receive: Receive, seconds: float) -> AsyncIterator[bytes]:
    more = True
    while more:
        try:
            async with asyncio.timeout(seconds):
                message = await receive()
        except TimeoutError:
            raise too_slow(seconds) from None
        if message["type"] != "http.request":
            raise ClientDisconnected
        more = message.get("more_body", False)
        yield message.get("body", b"")


async def _inflated(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield a gzip body inflated, in parts of limited size: a few bytes may inflate to a thousand times as many."""
    stream = zlib.decompressobj(GZIP_WINDOW)
    async for chunk in chunks:
        rest = chunk
        while rest and not stream.eof:
            try:
                inflated = stream.decompress(rest, _INFLATED)
            except zlib.error:
                raise invalid("body", "must be gzip, as Content-Encoding says", 400) from None
            rest = stream.unconsumed_tail
            yield inflated
        if stream.eof and (rest or stream.unused_data):
            raise invalid("body", "must be one gzip member, but data follows its end", 400)
    if not stream.eof:
        raise invalid("body", "must be complete gzip data, but it ends early", 400)
