"""ASGI middleware that answers preflights and adds CORS header fields; see `collector.api.cors`."""

from typing import Any

from collector.api.cors import (
    PATH,
    CrossOriginRequest,
    attach,
    cross_origin_request,
    origin_refused,
    preflight_response,
    requested_method,
)
from collector.api.ingest import App, Scope, Send, response_of_error
from collector.api.request import Receive
from collector.api.responses import HttpResponse
from collector.storage.key_origins import KeyOrigins
from shared.auth.keys import KeyStore
from shared.runtime.log import logger


class CorsMiddleware:
    """Lets pages of listed origins post feedback; all other requests go to `app` unchanged."""

    def __init__(self, app: App, keys: KeyStore, origins: KeyOrigins) -> None:
        self._app = app
        self._keys = keys
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = cross_origin_request(scope) if scope["type"] == "http" and scope["path"] == PATH else None
        if found is None:
            await self._app(scope, receive, send)
        elif requested_method(scope) == b"POST":
            await self._answer_preflight(found.origin, send)
        elif scope["method"] == "POST":
            await self._pass_on(found, scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _answer_preflight(self, origin: str, send: Send) -> None:
        try:
            if not await self._origins.contains(origin):
                raise origin_refused("no key lists the origin of the page")
            response = preflight_response(origin)
        except Exception as error:
            response = response_of_error(error)
        await _send(response.with_headers({"Vary": "Origin"}), send)

    async def _pass_on(self, found: CrossOriginRequest, scope: Scope, receive: Receive, send: Send) -> None:
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        found.check(self._keys.cached(authorization))  # for refusals before the key is looked up, such as of a quota
        attach(scope, found)

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                readable = found.depends_on_all_keys(message["status"]) and await self._is_listed(found.origin)
                message["headers"] = [*message["headers"], *found.response_headers(readable)]
            await send(message)

        await self._app(scope, receive, send_with_headers)

    async def _is_listed(self, origin: str) -> bool:
        """Return whether any valid key lists `origin`; False if that can't be read, so that the response is sent."""
        try:
            return await self._origins.contains(origin)
        except Exception as error:
            logger(__name__).warning("the origins of keys can't be read", error=type(error).__name__)
            return False


async def _send(response: HttpResponse, send: Send) -> None:
    headers = response.raw_headers()
    if response.status == 204:  # it has no content (RFC 9110, 15.3.5)
        headers = [field for field in headers if not field[0].startswith(b"content-")]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
