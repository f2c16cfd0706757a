"""Ties the log lines of one request together."""

import re
from uuid import uuid4

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-correlation-id"
_SOUND = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


def correlation_id() -> str:
    """That of the request under way; a new one where there is none."""
    return str(structlog.contextvars.get_contextvars().get("correlation_id") or uuid4())


class Correlated:
    """Binds `correlation_id` to every log line of a request, and tells it in the answer's `X-Correlation-Id`.

    The caller's own id is taken where it is sound; no user text gets into headers or logs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(HEADER, b"")
        correlation_id = given if _SOUND.fullmatch(given) else str(uuid4()).encode()

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (HEADER, correlation_id)]
            await send(message)

        with structlog.contextvars.bound_contextvars(correlation_id=correlation_id.decode()):
            await self._app(scope, receive, tell)
