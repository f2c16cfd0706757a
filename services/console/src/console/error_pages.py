"""Error pages."""

import contextlib
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from console.errors import AccessDenied, ServiceUnavailable, SignedOut
from console.page_context import PageContext, page_context
from console.rendering import render_page
from shared.web.authentication import READING_COOKIE
from shared.web.error_handlers import on_client_disconnect


def install_error_pages(app: FastAPI) -> None:
    """Answer every error with a page that says what happened and what to do."""
    handlers: dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]] = {
        ClientDisconnect: on_client_disconnect,
        SignedOut: _signed_out,
        AccessDenied: _access_denied,
        ServiceUnavailable: _service_unavailable,
        RequestValidationError: _http_error,
        HTTPException: _http_error,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


async def _signed_out(request: Request, _: Exception) -> Response:
    if request.scope["path"] == "/events":
        return Response(status_code=204)  # a browser does not reconnect an event stream after 204
    response = RedirectResponse("/sign-in", 303)
    if READING_COOKIE in request.cookies:
        response.delete_cookie(READING_COOKIE, path="/", httponly=True, samesite="strict")
    return response


async def _access_denied(request: Request, error: Exception) -> Response:
    assert isinstance(error, AccessDenied)
    kind = {403: "no-permission", 404: "not-found"}.get(error.status, "refused")
    return _error_page(request, error.status, kind, f"{error.title}. {error.detail}".strip())


async def _service_unavailable(request: Request, error: Exception) -> Response:
    return _error_page(request, 503, "unavailable", f"No response from {error}.")


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    with contextlib.suppress(SignedOut, ServiceUnavailable):  # keep the header for a signed-in person
        await page_context(request)
    return _error_page(request, status, "not-found" if status == 404 else "refused", "")


def _error_page(request: Request, status: int, kind: str, detail: str) -> Response:
    context: PageContext | None = getattr(request.state, "page_context", None)
    header = {} if context is None else {"viewer": context.viewer, "kill_switch": context.kill_switch}
    return render_page(request, "error.html", {"kind": kind, "detail": detail, **header}, status)
