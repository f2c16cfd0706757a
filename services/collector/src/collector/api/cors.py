"""Use of `POST /v1/feedback` from pages of another origin, by the CORS protocol of the Fetch standard.

A page may use a `browser-ingest` key if the key lists the page's origin. Browsers ask before, without the key
(preflight), so that is answered for the origins of all valid keys; the request itself is checked by its own key.
Pages of these origins can read why a request was refused, also where its key is unknown or lists other origins: whether
an origin is listed is what the preflight says already. Cookies are never involved, and other keys are for servers:
their answers can't be read by pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from collector.api.request import App, Receive, Scope, Send
from collector.api.responses import HttpResponse, response_of_error
from collector.storage.key_origins import KeyOrigins
from shared.auth.keys import KeyStore
from shared.auth.principal import Principal
from shared.problems import Problem
from shared.runtime.log import logger

PATH = "/v1/feedback"
BROWSER_SCOPE = "browser-ingest"
MAX_AGE_S = 7_200
"""How long browsers keep the answer to a preflight: the longest time that Chromium accepts."""

Sender = Literal["unknown", "listed", "unlisted", "server"]
"""Whose key a request has: not known, a browser's that lists the page's origin or does not, or another key."""

_SCOPE_ENTRY = "ratchet.cross_origin"
_ALLOWED_HEADERS = "authorization, content-type, idempotency-key, traceparent"
_EXPOSED_HEADERS = "RateLimit, RateLimit-Policy, Retry-After"


@dataclass(slots=True)
class CrossOriginRequest:
    """A request of a page of another origin, and what is known of its key."""

    origin: str
    sender: Sender = "unknown"

    def check(self, principal: Principal | None) -> None:
        """Note whose key the request has; None leaves it as it is."""
        if principal is not None:
            listed: Sender = "listed" if self.origin in principal.origins else "unlisted"
            self.sender = listed if BROWSER_SCOPE in principal.scopes else "server"

    def depends_on_all_keys(self, status: int) -> bool:
        """Return whether pages may read a response if any valid key lists their origin: a refusal, not of a server.

        Errors of 500 and above don't: a database that is down would be asked a second time.
        """
        return self.sender in ("unknown", "unlisted") and 400 <= status < 500

    def response_headers(self, readable: bool) -> list[tuple[bytes, bytes]]:
        """Return the header fields of the response, in the form of ASGI.

        `readable`: whether any valid key lists the origin, for a response that depends on that.
        """
        if self.sender == "server":
            return []
        vary = (b"vary", b"Origin")
        if self.sender != "listed" and not readable:
            return [vary]
        exposed = (b"access-control-expose-headers", _EXPOSED_HEADERS.encode())
        return [vary, (b"access-control-allow-origin", self.origin.encode("latin-1")), exposed]


def cross_origin_request(scope: Mapping[str, Any]) -> CrossOriginRequest | None:
    """Return the request if a page of another origin sent it; None for servers, and for pages of this host.

    `Sec-Fetch-Site` says the latter where a proxy has changed `Host`; no page can set it.
    """
    headers = dict(scope["headers"])
    origin = headers.get(b"origin")
    if origin is None or headers.get(b"sec-fetch-site") == b"same-origin":
        return None
    _, separator, host = origin.partition(b"://")
    if separator and host == headers.get(b"host"):
        return None
    return CrossOriginRequest(origin.decode("latin-1"))


def attach(scope: Any, request: CrossOriginRequest) -> None:
    """Store `request` in the scope, for `check_origin`."""
    scope[_SCOPE_ENTRY] = request


def check_origin(scope: Mapping[str, Any], principal: Principal) -> None:
    """Raise Problem 403 if a page sent the request with a browser's key that does not list the page's origin."""
    request: CrossOriginRequest | None = scope.get(_SCOPE_ENTRY)
    if request is None:
        return
    request.check(principal)
    if request.sender == "unlisted":
        raise origin_refused("the key does not list the origin of the page: issue one that does")


def origin_refused(detail: str) -> Problem:
    """Return the Problem 403 of a page whose origin is not listed."""
    return Problem(403, "cross-origin", "Pages of this origin may not do that", detail)


def requested_method(scope: Mapping[str, Any]) -> bytes | None:
    """Return the method that a preflight asks for; None for a request that is none."""
    if scope["method"] != "OPTIONS":
        return None
    method: bytes | None = dict(scope["headers"]).get(b"access-control-request-method")
    return method


def preflight_response(origin: str) -> HttpResponse:
    """Return the answer to the preflight of a POST from a listed origin."""
    return HttpResponse(
        204,
        b"",
        headers={
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "POST",
            "Access-Control-Allow-Headers": _ALLOWED_HEADERS,
            "Access-Control-Max-Age": str(MAX_AGE_S),
        },
    )


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
        await _send_preflight(response.with_headers({"Vary": "Origin"}), send)

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


async def _send_preflight(response: HttpResponse, send: Send) -> None:
    headers = response.raw_headers()
    if response.status == 204:  # it has no content (RFC 9110, 15.3.5)
        headers = [field for field in headers if not field[0].startswith(b"content-")]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
