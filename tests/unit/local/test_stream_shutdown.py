"""Streams are closed cleanly at shutdown; ordinary requests are unaffected."""

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from ratchet_local.stream_shutdown import StreamShutdown


class Server:
    """Calls the app like uvicorn: the body in `parts`, then a client that stays connected until `left`."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = list(parts or [b""])
        self.sent: list[Message] = []
        self.flowing = asyncio.Event()
        self.left = asyncio.Event()

    async def ask(self, app: StreamShutdown) -> None:
        await app({"type": "http", "method": "GET", "path": "/", "headers": []}, self._receive, self._send)

    async def _receive(self) -> Message:
        if self._parts:
            return {"type": "http.request", "body": self._parts.pop(0), "more_body": bool(self._parts)}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)
        if message.get("more_body"):
            self.flowing.set()


async def stream(scope: Scope, receive: Receive, send: Send) -> None:
    async def frames() -> AsyncIterator[bytes]:
        yield b": connected"
        await asyncio.Event().wait()

    await Request(scope, receive).body()
    await StreamingResponse(frames())(scope, receive, send)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse(await Request(scope, receive).body())(scope, receive, send)


async def test_open_stream_is_closed_cleanly() -> None:
    app, server = StreamShutdown(stream), Server()
    asking = asyncio.create_task(server.ask(app))
    await server.flowing.wait()
    app.begin()
    await asking
    assert [message.get("body") for message in server.sent] == [None, b": connected", b""]
    assert not server.sent[-1].get("more_body")


async def test_disconnect_of_a_client_is_still_reported() -> None:
    app, server = StreamShutdown(stream), Server()
    asking = asyncio.create_task(server.ask(app))
    await server.flowing.wait()
    server.left.set()
    await asking
    assert len(asyncio.all_tasks()) == 1, "nothing keeps waiting"


async def test_requests_in_flight_are_answered() -> None:
    app, server = StreamShutdown(echo), Server(b"half ", b"and half")
    app.begin()
    await server.ask(app)
    assert [message.get("body") for message in server.sent] == [None, b"half and half"]
