"""Answers and streams of a server that may be odd: each has an end in size and in time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx

MOST_BYTES = 1_000_000
"""Of an answer, and of one pushed event."""


class Excess(Exception):
    """More than any answer of the server has; the message says of what."""


class Refused(Exception):
    """The server answered with another status than 200."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the server answered {status}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    status: int
    body: bytes


async def get(client: httpx.AsyncClient, path: str, seconds: float) -> Answer:
    """The answer to a GET within so many seconds. Raises TimeoutError, Excess or httpx.HTTPError."""
    async with asyncio.timeout(seconds), client.stream("GET", path) as response:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MOST_BYTES:
                raise Excess("the answer is too long")
        return Answer(response.status_code, bytes(body))


class BoundedEvents(httpx.AsyncByteStream):
    """A stream of server-sent events that is given up by Excess at one that is too long."""

    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        length, last = 0, b""
        async for chunk in self._stream:
            seen = last + chunk
            end = max(seen.rfind(b"\n\n"), seen.rfind(b"\r\n\r\n"))  # where the last whole event ended
            length = length + len(chunk) if end < 0 else len(seen) - end
            if length > MOST_BYTES:
                raise Excess("a pushed event is too long")
            last = seen[-3:]
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
