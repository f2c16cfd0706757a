"""Authentication of HTTP requests, by API key or by the cookie of a person's session."""

from dataclasses import dataclass

from fastapi import Request

from shared.auth.keys import KeyStore
from shared.auth.principal import Principal
from shared.web.csrf import require_same_origin

ACTING_COOKIE = "ratchet_acting"
"""Holds the key of a person's session that may decide. Browsers send it to `/v1` only."""

READING_COOKIE = "ratchet_reading"
"""Holds the key of a person's session that only reads, for the console."""

_SAFE = frozenset({"GET", "HEAD"})


def authorization(request: Request) -> str | None:
    """Return the request's Authorization header, or the one of a browser's session cookie.

    Raises Problem 403 if a browser sends a change from a page of another origin.
    """
    header = request.headers.get("authorization")
    cookie = request.cookies.get(ACTING_COOKIE)
    if header is not None or cookie is None:
        return header
    if request.method not in _SAFE:
        require_same_origin(request)
    return f"Bearer {cookie}"


@dataclass(frozen=True, slots=True)
class Required:
    """A FastAPI dependency that authenticates the request and requires one of `scopes` and, if asked, a person."""

    scopes: tuple[str, ...]
    person: bool

    async def __call__(self, request: Request) -> Principal:
        keys: KeyStore = request.app.state.keys
        principal = await keys.authenticate(authorization(request))
        return principal.require(*self.scopes, person=self.person)


def require(*scopes: str, person: bool = False) -> Required:
    """Return a dependency that requires a valid key; with `scopes`, one that has one of them."""
    return Required(scopes, person)
