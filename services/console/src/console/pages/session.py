"""Sign-in page, and the event stream that notifies open pages."""

import time
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from console.notifications import Notifications, OpenPage, TooManyPages
from console.page_context import Page, PageContext
from console.rendering import render_page
from shared.web.authentication import READING_COOKIE
from shared.web.event_stream import CONNECTED, event_stream_response


def session_pages() -> APIRouter:
    """Return the routes `/sign-in` and `/events`."""
    router = APIRouter()

    @router.get("/sign-in")
    async def sign_in(request: Request) -> HTMLResponse:
        """Render the form. A script sends the token after `#` to the gatekeeper; the console never receives it."""
        return render_page(request, "sign_in.html", {})

    @router.get("/sign-in/known")
    async def known(request: Request) -> dict[str, bool]:
        """Return whether somebody is signed in, in which case the script asks before it replaces the session.

        The page itself can't know: browsers send no cookies when another site links to it.
        """
        return {"known": READING_COOKIE in request.cookies}

    @router.get("/events")
    async def events(request: Request, page: Page) -> Response:
        """Stream the names of topics with new events of the viewer's project and environment."""
        notifications: Notifications = request.app.state.notifications
        try:
            open_page = notifications.join(page.viewer.project, page.viewer.environment, page.viewer.subject)
        except TooManyPages:
            return Response(status_code=503, headers={"retry-after": "5"})
        return event_stream_response(_frames(page, notifications, open_page))

    return router


async def _frames(page: PageContext, notifications: Notifications, open_page: OpenPage) -> AsyncIterator[bytes]:
    """Yield frames; end at most `keep_alive` seconds after the session ended."""
    keep_alive = notifications.keep_alive
    checked = time.monotonic()
    try:
        yield CONNECTED
        async for frame in open_page.frames(keep_alive):
            if time.monotonic() - checked >= keep_alive:
                if await page.get_or_none("/v1/session") is None:
                    return
                checked = time.monotonic()
            yield frame
    finally:
        notifications.leave(open_page)
