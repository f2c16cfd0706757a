"""Limits of size and time for responses and streams."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

import httpx

MAX_BYTES = 1_000_000
"""Maximum size of a response, and of one pushed event."""


class ResponseTooLarge(Exception):
    """A response or event that exceeds `MAX_BYTES`."""


class UnexpectedStatus(Exception):
    """A response with another status than 200."""

    def __init__(self, status: int, retry_after: float | None = None) -> None:
        """`retry_after`: the seconds that the server asks to wait."""
        super().__init__(f"the server answered {status}")
        self.status, self.retry_after = status, retry_after


@dataclass(frozen=True, slots=True)
class BoundedResponse:
    """A whole response. Header names are in lower case; headers are ignored in comparisons."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict, compare=False)


async def get(
    client: httpx.AsyncClient, path: str, seconds: float, headers: Mapping[str, str] | None = None
) -> BoundedResponse:
    """Return the response to a GET within `seconds`. Raises TimeoutError, ResponseTooLarge or httpx.HTTPError."""
    return await _bounded(client.build_request("GET", path, headers=headers), client, seconds)


async def put(client: httpx.AsyncClient, path: str, seconds: float, body: object) -> BoundedResponse:
    """Return the response to a PUT of `body` as JSON within `seconds`. Raises what `get` raises."""
    return await _bounded(client.build_request("PUT", path, json=body), client, seconds)


async def _bounded(request: httpx.Request, client: httpx.AsyncClient, seconds: float) -> BoundedResponse:
    async with asyncio.timeout(seconds), contextlib.aclosing(await client.send(request, stream=True)) as response:
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > MAX_BYTES:
                raise ResponseTooLarge("the response is too long")
        return BoundedResponse(response.status_code, bytes(content), dict(response.headers))


class BoundedEvents(httpx.AsyncByteStream):
    """A stream of server-sent events that raises ResponseTooLarge at an event that is too long."""

    def __init__(self, stream: httpx.AsyncByteStream, on_chunk: Callable[[], None] = lambda: None) -> None:
        """`on_chunk` is called at each chunk."""
        self._stream, self._on_chunk = stream, on_chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        length, last = 0, b""
        async for chunk in self._stream:
            self._on_chunk()
            seen = last + chunk
            end = max(seen.rfind(b"\n\n"), seen.rfind(b"\r\n\r\n"))  # the end of the last whole event
            length = length + len(chunk) if end < 0 else len(seen) - end
            if length > MAX_BYTES:
                raise ResponseTooLarge("a pushed event is too long")
            last = seen[-3:]
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()
