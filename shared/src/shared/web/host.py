"""Validation of the header Host, from which URLs are built."""

import re

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.problems import invalid
from shared.web.error_handlers import problem_response

_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")


class ValidHost:
    """ASGI middleware that answers an invalid Host with 400 (RFC 9112, section 3.2) before anything builds a URL."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _HOST.fullmatch(dict(scope["headers"]).get(b"host", b"")):
            await problem_response(invalid("Host", "must be a host name or an address, optionally with a port", 400))(
                scope, receive, send
            )
            return
        await self._app(scope, receive, send)
