"""Ends open streaming responses when the server shuts down, instead of cutting them off after the grace period."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class StreamShutdown:
    """ASGI middleware: streaming responses receive `http.disconnect` from `begin` on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._shutdown = asyncio.Event()

    def begin(self) -> None:
        """Disconnect all open streams."""
        self._shutdown.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_complete = response_open = False

        async def receive_message() -> Message:
            nonlocal request_complete
            if request_complete:
                return await _receive_or_disconnect(receive, self._shutdown.wait)
            message = await receive()
            request_complete = not message.get("more_body", False)
            return message

        async def send_message(message: Message) -> None:
            nonlocal response_open
            response_open = message["type"] == "http.response.start" or message.get("more_body", False)
            await send(message)

        await self._app(scope, receive_message, send_message)
        if response_open:
            await send({"type": "http.response.body", "body": b""})


async def _receive_or_disconnect(receive: Receive, shutdown: Callable[[], Awaitable[object]]) -> Message:
    """Return the next message; `http.disconnect` if the shutdown comes first."""
    message, end = asyncio.ensure_future(receive()), asyncio.ensure_future(shutdown())
    try:
        await asyncio.wait((message, end), return_when=asyncio.FIRST_COMPLETED)
        return message.result() if message.done() else {"type": "http.disconnect"}
    finally:
        message.cancel()
        end.cancel()
