"""Correlation ids of HTTP requests, for logs and events."""

import re
from uuid import uuid4

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = b"x-correlation-id"
_VALID = re.compile(rb"[A-Za-z0-9._:-]{1,128}")


def correlation_id() -> str:
    """Return the correlation id of the current request; outside of a request, a new one."""
    return str(structlog.contextvars.get_contextvars().get("correlation_id") or uuid4())


class Correlated:
    """ASGI middleware that adds `correlation_id` to the log lines of a request, and `X-Correlation-Id` to its response.

    The caller's id is used if it has only letters, digits and `._:-`, so that no user text gets into headers or logs.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = dict(scope["headers"]).get(HEADER, b"")
        correlation_id = given if _VALID.fullmatch(given) else str(uuid4()).encode()

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (HEADER, correlation_id)]
            await send(message)

        with structlog.contextvars.bound_contextvars(correlation_id=correlation_id.decode()):
            await self._app(scope, receive, send_with_id)
