"""Use of `POST /v1/feedback` from pages of another origin, by the CORS protocol of the Fetch standard. Pure.

A page may use a `browser-ingest` key if the key lists the page's origin. Browsers ask before, without the key
(preflight), so that is answered for the origins of all valid keys; the request itself is checked by its own key.
Cookies are never involved, and other keys are for servers: their answers can't be read by pages.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from collector.api.responses import HttpResponse
from shared.auth.principal import Principal
from shared.problems import Problem

PATH = "/v1/feedback"
BROWSER_SCOPE = "browser-ingest"
MAX_AGE_S = 7_200
"""How long browsers keep the answer to a preflight: the longest time that Chromium accepts."""

_SCOPE_ENTRY = "ratchet.cross_origin"
_ALLOWED_HEADERS = "authorization, content-type, idempotency-key, traceparent"
_EXPOSED_HEADERS = "RateLimit, RateLimit-Policy, Retry-After"


@dataclass(slots=True)
class CrossOriginRequest:
    """A request of a page of another origin. `allowed`: whether its key lists the origin; None if that is unknown."""

    origin: str
    allowed: bool | None = None

    def check(self, principal: Principal | None) -> None:
        """Note whether a browser's key lists the origin; other keys, and None, leave it unknown."""
        if principal is not None and BROWSER_SCOPE in principal.scopes:
            self.allowed = self.origin in principal.origins

    def response_headers(self) -> list[tuple[bytes, bytes]]:
        """Return the header fields of the response, in the form of ASGI."""
        if self.allowed is None:
            return []
        vary = (b"vary", b"Origin")
        if not self.allowed:
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
    if request.allowed is False:
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
