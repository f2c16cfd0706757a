"""Open streams end with the server: whole and quietly, instead of being cut off after its time of grace."""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class StreamShutdown:
    """Before an ASGI app: from `end` on, an answer that waits for its reader to leave hears that the reader did."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._ending = asyncio.Event()

    def end(self) -> None:
        self._ending.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked_all = answering = False

        async def received() -> Message:
            nonlocal asked_all
            if asked_all:
                return await _either(receive, self._ending.wait)
            message = await receive()
            asked_all = not message.get("more_body", False)
            return message

        async def sent(message: Message) -> None:
            nonlocal answering
            answering = message["type"] == "http.response.start" or message.get("more_body", False)
            await send(message)

        await self._app(scope, received, sent)
        if answering:
            await send({"type": "http.response.body", "body": b""})


async def _either(receive: Receive, ending: Callable[[], Awaitable[object]]) -> Message:
    """What comes next, or that the reader left where the end is sooner."""
    coming, end = asyncio.ensure_future(receive()), asyncio.ensure_future(ending())
    try:
        await asyncio.wait((coming, end), return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else {"type": "http.disconnect"}
    finally:
        coming.cancel()
        end.cancel()
