"""One page being made: who looks, what is asked for it, and the answer."""

import asyncio
import unicodedata
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from console.upstream import Upstream
from console.viewer import AccessDenied, ServiceUnavailable, SignedOut, Viewer
from shared.runtime.clock import Clock
from shared.web.encoded_paths import decoded

READING_COOKIE = "ratchet_reading"
_UNTIL_THE_KEY_IS_KNOWN = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


@dataclass(frozen=True, slots=True)
class PageContext:
    """`loop` is the kill switch's state, which every page shows."""

    request: Request
    templates: Environment
    upstream: Upstream
    key: str
    viewer: Viewer
    loop: dict[str, Any]

    @property
    def now(self) -> datetime:
        clock: Clock = self.request.app.state.clock
        return clock.now()

    async def get(self, path: str, **params: object) -> dict[str, Any]:
        """What a service answers. Raises Refused or Away: then the page says so as a whole.

        The gatekeeper knows the key by now; a service that does not will hear of it in a moment.
        """
        for pause in _UNTIL_THE_KEY_IS_KNOWN:
            try:
                return await self.upstream.get(self.key, path, **params)
            except AccessDenied as refused:
                if refused.status != 401:
                    raise
                await asyncio.sleep(pause)
        raise ServiceUnavailable(path)

    async def maybe(self, path: str, **params: object) -> dict[str, Any] | None:
        """As `get`, for a part that the page can be without: None where it can't be had."""
        try:
            return await self.get(path, **params)
        except (AccessDenied, ServiceUnavailable):
            return None

    async def all(self, *questions: Awaitable[Any]) -> list[Any]:
        """The answers of several, asked at once."""
        return list(await asyncio.gather(*questions))

    def address(self, **params: object) -> str:
        """This page with other parameters; those that are None are left out."""
        given = {name: value for name, value in params.items() if value is not None}
        return f"{self.request.url.path}?{urlencode(given)}"

    def show(self, template: str, **values: object) -> HTMLResponse:
        """The page."""
        return show(self.templates, self.request, template, {**values, "viewer": self.viewer, "loop": self.loop})


def show(
    templates: Environment, request: Request, template: str, values: Mapping[str, object], status: int = 200
) -> HTMLResponse:
    """A template as an answer. Without a viewer there is nothing around the page itself."""
    asked = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
    context = {"viewer": None, "loop": None, "path": request.url.path, "address": asked, **values}
    return HTMLResponse(templates.get_template(template).render(context), status)


async def page_context(request: Request) -> PageContext:
    """For whoever is signed in. Raises SignedOut."""
    state, key = request.app.state, request.cookies.get(READING_COOKIE)
    if not key:
        raise SignedOut
    upstream: Upstream = state.upstream
    try:
        session, loop = await asyncio.gather(upstream.get(key, "/v1/session"), upstream.get(key, "/v1/loop"))
    except AccessDenied as refused:
        raise SignedOut from refused
    made = PageContext(request, state.templates, state.upstream, key, Viewer.of(session), loop)
    request.state.making = made
    return made


def name_in_path(name: str) -> str:
    """The name of a prompt in a page's path, of which routes see the percent-encoded form."""
    return unicodedata.normalize("NFC", decoded(name))


NameInPath = Annotated[str, Depends(name_in_path)]
Page = Annotated[PageContext, Depends(page_context)]
