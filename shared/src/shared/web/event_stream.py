"""Server-sent events: the response, and waiting for the next event with keep-alive comments."""

import asyncio
from collections.abc import AsyncIterator

from fastapi.responses import StreamingResponse

CONNECTED = b": connected\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
KEEP_ALIVE_S = 15.0
"""Seconds of silence after which a stream writes `KEEP_ALIVE`, so that proxies don't close it."""


def event_stream_response(frames: AsyncIterator[bytes]) -> StreamingResponse:
    """Return the response that streams `frames` unbuffered."""
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(frames, headers=headers, media_type="text/event-stream")


async def wait_for_event(event: asyncio.Event, seconds: float) -> bool:
    """Wait until `event` is set and clear it; return False if it isn't set within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    event.clear()
    return True
