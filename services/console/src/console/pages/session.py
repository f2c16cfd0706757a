"""Signing in, and the stream by which an open page hears of news."""

import time
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response, StreamingResponse

from console.notifications import OpenPage, OpenPages, TooManyStreams
from console.page_context import READING_COOKIE, Page, show

_KEEP_ALIVE_S = 15.0


def session_pages() -> APIRouter:
    """`/sign-in` and `/events`."""
    router = APIRouter()

    @router.get("/sign-in")
    async def sign_in(request: Request) -> HTMLResponse:
        """A script sends the token behind the `#` to the gatekeeper: it never reaches this service."""
        return show(request.app.state.templates, request, "sign_in.html", {})

    @router.get("/sign-in/known")
    async def known(request: Request) -> dict[str, bool]:
        """Whether somebody is signed in here: then the script asks first, for a link may be another person's.

        The page itself can't know: what another site leads to comes without cookies.
        """
        return {"known": READING_COOKIE in request.cookies}

    @router.get("/events")
    async def events(request: Request, page: Page) -> Response:
        """Server-sent events: the names of topics that have news for this person's project and environment."""
        pages: OpenPages = request.app.state.pages
        try:
            joined = pages.join((page.viewer.project, page.viewer.environment), page.viewer.subject)
        except TooManyStreams:
            return Response(status_code=503, headers={"retry-after": "5"})
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(_frames(page, pages, joined), headers=headers, media_type="text/event-stream")

    return router


async def _frames(page: Page, pages: OpenPages, joined: OpenPage) -> AsyncIterator[bytes]:
    """Ends soon after the session did, however much news there is."""
    asked = time.monotonic()
    try:
        yield b": connected\n\n"
        async for frame in joined.frames(_KEEP_ALIVE_S):
            if time.monotonic() - asked >= _KEEP_ALIVE_S:
                if await page.maybe("/v1/session") is None:
                    return
                asked = time.monotonic()
            yield frame
    finally:
        pages.leave(joined)
