"""Answers and streams of a server that may be odd: each has an end in size and in time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

import httpx

MOST_BYTES = 1_000_000
"""Of an answer, and of one pushed event."""


class ResponseTooLarge(Exception):
    """More than any answer of the server has; the message says of what."""


class UnexpectedStatus(Exception):
    """The server answered with another status than 200."""

    def __init__(self, status: int, retry_after: float | None = None) -> None:
        """`retry_after`: for how many seconds the server asks to wait."""
        super().__init__(f"the server answered {status}")
        self.status, self.retry_after = status, retry_after


@dataclass(frozen=True, slots=True)
class BoundedResponse:
    """A whole answer; the headers' names are in lower case, and they do not count when answers are compared."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)


async def get(
    client: httpx.AsyncClient, path: str, seconds: float, headers: Mapping[str, str] | None = None
) -> BoundedResponse:
    """The answer to a GET within so many seconds. Raises TimeoutError, Excess or httpx.HTTPError."""
    async with asyncio.timeout(seconds), client.stream("GET", path, headers=headers) as response:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MOST_BYTES:
                raise ResponseTooLarge("the answer is too long")
        return BoundedResponse(response.status_code, bytes(body), dict(response.headers))


class BoundedEvents(httpx.AsyncByteStream):
    """A stream of server-sent events that is given up by Excess at one that is too long."""

    def __init__(self, stream: httpx.AsyncByteStream, heard: Callable[[], None] = lambda: None) -> None:
        """`heard` is called at each chunk."""
        self._stream, self._heard = stream, heard

    async def __aiter__(self) -> AsyncIterator[bytes]:
        length, last = 0, b""
        async for chunk in self._stream:
            self._heard()
            seen = last + chunk
            end = max(seen.rfind(b"\n\n"), seen.rfind(b"\r\n\r\n"))  # where the last whole event ended
            length = length + len(chunk) if end < 0 else len(seen) - end
            if length > MOST_BYTES:
                raise ResponseTooLarge("a pushed event is too long")
            last = seen[-3:]
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
