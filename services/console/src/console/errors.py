"""Reasons why a page can't be shown."""


class AccessDenied(Exception):
    """A service answered with a problem (RFC 9457). `status` is its HTTP status."""

    def __init__(self, status: int, code: str, title: str, detail: str = "") -> None:
        super().__init__(f"{status} {code}: {title}")
        self.status, self.code, self.title, self.detail = status, code, title, detail


class ServiceUnavailable(Exception):
    """A service did not answer, or with something that is not Ratchet's."""


class SignedOut(Exception):
    """No person is signed in, or the session has ended."""
