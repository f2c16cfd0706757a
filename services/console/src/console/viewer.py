"""Who looks at a page, and what can keep it from being shown."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Viewer:
    """A person, signed in. `scopes` is what their whole session may, not what the console's own key of it may."""

    subject: str
    role: str
    project: str
    environment: str
    scopes: frozenset[str]

    @classmethod
    def of(cls, session: Json) -> "Viewer":
        """From the gatekeeper's `GET /v1/session`."""
        named = {name: str(session[name]) for name in ("subject", "role", "project", "environment")}
        return cls(**named, scopes=frozenset(session["scopes"]))

    def may(self, scope: str) -> bool:
        return scope in self.scopes


class AccessDenied(Exception):
    """A service answered with a problem (RFC 9457). `status` is its HTTP status."""

    def __init__(self, status: int, code: str, title: str, detail: str = "") -> None:
        super().__init__(f"{status} {code}: {title}")
        self.status, self.code, self.title, self.detail = status, code, title, detail


class ServiceUnavailable(Exception):
    """A service did not answer, or not with anything of Ratchet's."""


class SignedOut(Exception):
    """Nobody is signed in, or no longer."""
