"""Principals: the person or service that an API key belongs to, with its scopes."""

from dataclasses import dataclass
from typing import Literal

from ratchet.signing import secret_hash
from shared.problems import Problem


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or a service, and what its key allows in one environment of one project.

    Pages of `origins` may use the key from a browser.
    """

    key_id: str
    subject: str
    kind: Literal["person", "service"]
    project: str
    environment: str
    scopes: frozenset[str]
    origins: frozenset[str] = frozenset()

    def require(self, *scopes: str, person: bool = False) -> "Principal":
        """Return itself where it has one of `scopes` and, if asked, is a person. Raises Problem 403."""
        if scopes and not self.scopes.intersection(scopes):
            wanted = " or ".join(scopes)
            raise Problem(
                403, "scope-missing", "This key is not allowed to do that", f"this key lacks the scope {wanted}"
            )
        if person and self.kind != "person":
            raise Problem(403, "person-required", "Only a person may do that", "this key belongs to a service")
        return self


def parse_key(header: str | None) -> tuple[str, str]:
    """Return (key id, secret) of an `Authorization: Bearer rk_<id>_<secret>` header. Raises Problem 401."""
    scheme, _, token = (header or "").partition(" ")
    prefix, _, rest = token.strip().partition("_")
    key_id, _, secret = rest.partition("_")
    if scheme.lower() != "bearer" or prefix != "rk" or not key_id or not secret or not token.isascii():
        raise unauthenticated()
    return key_id, secret


def unauthenticated() -> Problem:
    """Return the one Problem (401) for a missing, unknown, wrong or revoked key."""
    return Problem(
        401,
        "unauthenticated",
        "A valid API key is needed",
        "send the header Authorization: Bearer rk_…",
        headers={"WWW-Authenticate": "Bearer"},
    )


def hash_secret(secret: str) -> str:
    """Return the hex SHA-256. Secrets are 256 random bits, so a slow hash would add nothing."""
    return secret_hash(secret)
