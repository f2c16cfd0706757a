"""Request context of a page: viewer, upstream calls, rendering."""

import asyncio
import unicodedata
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from console.domain.json_object import JsonObject
from console.domain.viewer import Viewer
from console.errors import AccessDenied, ServiceUnavailable, SignedOut
from console.rendering import render_page
from console.upstream import Upstream
from shared.runtime.clock import Clock
from shared.web.authentication import READING_COOKIE
from shared.web.encoded_paths import decode_segment

_KEY_UNKNOWN_RETRIES_S = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


@dataclass(frozen=True, slots=True)
class PageContext:
    """`kill_switch` is the gatekeeper's `GET /v1/loop`, which every page shows."""

    request: Request
    upstream: Upstream
    key: str
    viewer: Viewer
    kill_switch: JsonObject

    @property
    def now(self) -> datetime:
        """The current time."""
        clock: Clock = self.request.app.state.clock
        return clock.now()

    async def get(self, path: str, **params: object) -> dict[str, Any]:
        """Return the JSON object at `path`. Raises AccessDenied, ServiceUnavailable or SignedOut.

        A 401 is retried for 3 seconds: the gatekeeper knows the key, another service may not have consumed its
        `key.changed` yet. After that the gatekeeper is asked again: it may be the one that learned later that the
        session has ended.
        """
        for pause in _KEY_UNKNOWN_RETRIES_S:
            try:
                return await self.upstream.get(self.key, path, **params)
            except AccessDenied as denied:
                if denied.status != 401:
                    raise
                await asyncio.sleep(pause)
        await self._check_session()
        raise ServiceUnavailable(path)

    async def _check_session(self) -> None:
        """Raises SignedOut if the session has ended since the page was asked for."""
        try:
            await self.upstream.get(self.key, "/v1/session")
        except AccessDenied as denied:
            raise SignedOut from denied

    async def get_or_none(self, path: str, **params: object) -> dict[str, Any] | None:
        """Return the JSON object at `path` for an optional part of the page; None if it can't be read."""
        try:
            return await self.get(path, **params)
        except (AccessDenied, ServiceUnavailable):
            return None

    async def gather(self, *requests: Awaitable[Any]) -> list[Any]:
        """Return the results of concurrent requests, in their order."""
        return list(await asyncio.gather(*requests))

    def address(self, **params: object) -> str:
        """Return the address of this page with other parameters; those that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        return f"{self.request.url.path}?{urlencode(given, doseq=True)}"

    def render(self, template: str, **values: object) -> HTMLResponse:
        """Return the page."""
        return render_page(self.request, template, {**values, "viewer": self.viewer, "kill_switch": self.kill_switch})


async def page_context(request: Request) -> PageContext:
    """Return the context of a page of the signed-in person. Raises SignedOut."""
    key = request.cookies.get(READING_COOKIE)
    if not key:
        raise SignedOut
    upstream: Upstream = request.app.state.upstream
    try:
        session, kill_switch = await asyncio.gather(upstream.get(key, "/v1/session"), upstream.get(key, "/v1/loop"))
    except AccessDenied as denied:
        raise SignedOut from denied
    context = PageContext(request, upstream, key, Viewer.from_session(session), kill_switch)
    request.state.page_context = context
    return context


def decode_name(name: str) -> str:
    """Return the prompt name in a page's path, which routes receive percent-encoded, in NFC."""
    return unicodedata.normalize("NFC", decode_segment(name))


NameInPath = Annotated[str, Depends(decode_name)]
Page = Annotated[PageContext, Depends(page_context)]
