"""Streams and responses that no server should send: each is bounded, and the client reconnects."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from ratchet import Ratchet
from ratchet.client import response_limits as bounded
from ratchet.client.response_limits import MAX_BYTES, BoundedEvents, ResponseTooLarge
from ratchet.prompt import from_text
from tests.support.eventually import eventually_sync
from tests.support.ratchet_server import PUBLIC, FakeServer, live_payload

NEW = from_text("New")


class Chunks(httpx.AsyncByteStream):
    """Bytes, chunk by chunk."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk

    async def aclose(self) -> None:
        pass


async def passed(*chunks: bytes) -> int:
    return sum([len(chunk) async for chunk in BoundedEvents(Chunks(*chunks))])


HALF = b"x" * (MAX_BYTES // 2)


@pytest.mark.parametrize("end", [[b"\n\n"], [b"\n", b"\n"], [b"\r\n\r\n"], [b"\r", b"\n", b"\r", b"\n"]])
async def test_number_of_events_is_unlimited(end: list[bytes]) -> None:
    assert await passed(*[HALF, HALF[:-10], *end] * 4) > 3 * MAX_BYTES


@pytest.mark.parametrize("rest", [b"", b"\n", b"\ndata: "])
async def test_too_long_event_is_rejected(rest: bytes) -> None:
    with pytest.raises(ResponseTooLarge, match="too long"):
        await passed(*[HALF + rest] * 3)


def test_endless_line_is_aborted_and_the_client_reconnects(client: Ratchet, server: FakeServer) -> None:
    client.prompt("answer", "default")
    eventually_sync(lambda: server.connected("answer"))
    endless = server.streams[-1]
    endless.put(b"data: ")
    for _ in range(3):
        endless.put(HALF)
    eventually_sync(lambda: not endless.open)
    eventually_sync(lambda: server.connected("answer"))
    server.push(live_payload("answer", NEW))
    eventually_sync(lambda: client.prompt("answer", "default").live)


async def answered(seconds: float, handler: Callable[[httpx.Request], httpx.Response]) -> bounded.BoundedResponse:
    async with httpx.AsyncClient(base_url="http://ratchet", transport=httpx.MockTransport(handler)) as client:
        return await bounded.get(client, "/x", seconds)


async def test_response_size_and_time_are_limited() -> None:
    class Dripping(Chunks):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                yield b" "
                await asyncio.sleep(0)

    with pytest.raises(ResponseTooLarge):
        await answered(60, lambda request: httpx.Response(200, stream=Chunks(*[HALF] * 3)))
    with pytest.raises(TimeoutError):
        await answered(0.05, lambda request: httpx.Response(200, stream=Dripping()))
    answer = await answered(60, lambda request: httpx.Response(404, stream=Chunks(b"no", b"pe")))
    assert answer == bounded.BoundedResponse(404, b"nope")


@pytest.mark.parametrize("status", [301, 401, 403, 404])
def test_a_misconfiguration_is_logged_once(server: FakeServer, status: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ratchet")
    server.pages["GET /v1/stream"] = httpx.Response(status)
    with Ratchet("http://ratchet", "k", public_key=PUBLIC, transport=server.transport()) as client:
        client.prompt("answer", "default")
        eventually_sync(lambda: caplog.text.count(f"the server answered {status}") >= 3)
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 1
