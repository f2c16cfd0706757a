"""The two cookies of a session: the console reads with one; browsers send the acting one to `/v1` only."""

from datetime import timedelta

from fastapi import Request, Response

from shared.web.authentication import ACTING_COOKIE, READING_COOKIE

_PATHS = {ACTING_COOKIE: "/v1", READING_COOKIE: "/"}


def set_session_cookies(response: Response, request: Request, acting: str, reading: str, lifetime: timedelta) -> None:
    """Set both cookies: hidden from scripts, not sent by pages of other sites, and `Secure` if the request used TLS."""
    secure = request.headers.get("x-forwarded-proto", request.url.scheme) == "https"
    for name, value in ((ACTING_COOKIE, acting), (READING_COOKIE, reading)):
        response.set_cookie(
            name,
            value,
            max_age=int(lifetime.total_seconds()),
            path=_PATHS[name],
            secure=secure,
            httponly=True,
            samesite="strict",
        )


def clear_session_cookies(response: Response) -> None:
    """Delete both cookies."""
    for name, path in _PATHS.items():
        response.delete_cookie(name, path=path, httponly=True, samesite="strict")
