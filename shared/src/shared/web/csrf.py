"""Defence against cross-site request forgery (CSRF): changes with a cookie come from pages of this origin."""

from fastapi import Request

from shared.problems import Problem


def require_same_origin(request: Request) -> None:
    """Raise Problem 403 if a page of another origin sent the request.

    Browsers put `Origin` on every unsafe request, and no page can change it (OWASP: verifying origin).
    """
    _, _, site = request.headers.get("origin", "").partition("://")
    if not site or site != request.headers.get("host"):
        raise Problem(
            403,
            "cross-origin",
            "The request was sent from a page of another origin",
            "the header Origin must name this host",
        )
