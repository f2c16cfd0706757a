"""Pages for what went wrong, and what every answer says to the browser about safety."""

import contextlib

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.page_context import READING_COOKIE, PageContext, page_context, show
from console.viewer import AccessDenied, ServiceUnavailable, SignedOut
from shared.web.error_handlers import on_client_disconnect

_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
}


class SecurityHeaders:
    """Adds the headers that keep pages to themselves; what nobody said may be stored, may not."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, guarded)


def install_errors(app: FastAPI) -> None:
    """Every failure is a page that says what happened and what to do."""
    app.add_exception_handler(ClientDisconnect, on_client_disconnect)
    app.add_exception_handler(SignedOut, _signed_out)
    app.add_exception_handler(AccessDenied, _refused)
    app.add_exception_handler(ServiceUnavailable, _away)
    app.add_exception_handler(RequestValidationError, _nothing_here)
    app.add_exception_handler(HTTPException, _nothing_here)


async def _signed_out(request: Request, _: Exception) -> Response:
    if request.scope["path"] == "/events":
        return Response(status_code=204)  # to an event stream's browser: ask no more
    answer = RedirectResponse("/sign-in", 303)
    if READING_COOKIE in request.cookies:
        answer.delete_cookie(READING_COOKIE, path="/", httponly=True, samesite="strict")
    return answer


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, AccessDenied)
    kind = {403: "no-permission", 404: "not-found"}.get(error.status, "refused")
    return _told(request, error.status, kind, f"{error.title}. {error.detail}".strip())


async def _away(request: Request, error: Exception) -> Response:
    return _told(request, 503, "away", f"No answer from {error}.")


async def _nothing_here(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    with contextlib.suppress(SignedOut, ServiceUnavailable):  # who is signed in keeps what is around every page
        await page_context(request)
    return _told(request, status, "not-found" if status == 404 else "refused", "")


def _told(request: Request, status: int, kind: str, detail: str) -> Response:
    making: PageContext | None = getattr(request.state, "making", None)
    around = {} if making is None else {"viewer": making.viewer, "loop": making.loop}
    values = {"kind": kind, "detail": detail, **around}
    return show(request.app.state.templates, request, "error.html", values, status)
