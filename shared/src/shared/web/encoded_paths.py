"""Routing on percent-encoded paths, so that an encoded slash in a name does not separate segments."""

from urllib.parse import quote, unquote

from starlette.types import ASGIApp, Receive, Scope, Send


class EncodedPaths:
    """ASGI middleware: below `prefix`, routes see the percent-encoded path. Handlers decode with `decoded`."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(self._prefix):
            raw = scope.get("raw_path")
            path = quote(scope["path"]) if raw is None else raw.decode("latin-1")
            if path.startswith(self._prefix):
                scope = {**scope, "path": path}
        await self._app(scope, receive, send)


def decode_segment(part: str) -> str:
    """Return a segment of an encoded path as text."""
    return unquote(part)
