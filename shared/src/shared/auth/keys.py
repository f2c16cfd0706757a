"""Who is asking: API keys, people and services, scopes."""

import hmac
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Request
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ratchet.signing import key_bytes, secret_hash, verify
from shared.events.promotion import KeyChanged
from shared.messaging.cloudevents import Received
from shared.messaging.errors import Permanent
from shared.messaging.store import Subscription, Tx
from shared.web.problems import Problem

ACTING_COOKIE = "ratchet_acting"
"""Holds the key of a person's session that may decide. Browsers send it to `/v1` only."""

_SAFE = frozenset({"GET", "HEAD"})
_FRESH_S = 2.0
_CACHED = 10_000
_LONGEST = 256
"""A key padded with spaces is still that key, but not worth memory."""


@dataclass(frozen=True, slots=True)
class Principal:
    """A person or a service, and what its key allows in one environment of one project."""

    key_id: str
    subject: str
    kind: Literal["person", "service"]
    project: str
    environment: str
    scopes: frozenset[str]

    def require(self, *scopes: str, person: bool = False) -> "Principal":
        """Itself, if it has one of `scopes` (and is a person, where that is asked); else Problem 403."""
        if scopes and not self.scopes.intersection(scopes):
            wanted = " or ".join(scopes)
            raise Problem(
                403, "scope-missing", "This key is not allowed to do that", f"this key lacks the scope {wanted}"
            )
        if person and self.kind != "person":
            raise Problem(403, "person-required", "Only a person may do that", "this key belongs to a service")
        return self


def parse_key(header: str | None) -> tuple[str, str]:
    """(key id, secret) of an `Authorization: Bearer rk_<id>_<secret>` header; Problem 401 otherwise."""
    scheme, _, token = (header or "").partition(" ")
    prefix, _, rest = token.strip().partition("_")
    key_id, _, secret = rest.partition("_")
    if scheme.lower() != "bearer" or prefix != "rk" or not key_id or not secret or not token.isascii():
        raise unauthenticated()
    return key_id, secret


def authorization(request: Request) -> str | None:
    """The request's Authorization header; without one, what a browser's session stands for.

    Raises Problem 403 where a browser sends a change that did not come from our own pages.
    """
    header = request.headers.get("authorization")
    cookie = request.cookies.get(ACTING_COOKIE)
    if header is not None or cookie is None:
        return header
    if request.method not in _SAFE:
        own_pages_only(request)
    return f"Bearer {cookie}"


def own_pages_only(request: Request) -> None:
    """Raises Problem 403 unless the browser says that a page of this very origin sends the request.

    Browsers put `Origin` on every unsafe request, and no page can change it (OWASP: verifying origin).
    """
    _, _, site = request.headers.get("origin", "").partition("://")
    if not site or site != request.headers.get("host"):
        raise Problem(403, "cross-origin", "This was not sent by Ratchet's own pages", "the header Origin says so")


def unauthenticated() -> Problem:
    """The one answer for a missing, unknown, wrong or revoked key."""
    return Problem(
        401,
        "unauthenticated",
        "A valid API key is needed",
        "send the header Authorization: Bearer rk_…",
        headers={"WWW-Authenticate": "Bearer"},
    )


def hash_secret(secret: str) -> str:
    """Hex SHA-256. Secrets are 256 random bits, so a slow hash would add nothing."""
    return secret_hash(secret)


class KeyStore:
    """The service's copy of the API keys. A key that was revoked, or has ended, works for at most two seconds more."""

    def __init__(self, engine: AsyncEngine, schema: str) -> None:
        self._engine = engine
        self._select = text(
            f"""SELECT key_id, secret_hash, subject, subject_kind, project, environment, scopes,
                       revoked OR coalesce(expires_at <= now(), false) AS void
                FROM {schema}.api_keys WHERE key_id = :key_id"""
        )
        self._upsert = text(
            f"""INSERT INTO {schema}.api_keys AS k (key_id, revision, secret_hash, subject, subject_kind, project,
                                                    environment, scopes, revoked, expires_at)
                VALUES (:key_id, :revision, :secret_hash, :subject, :subject_kind, :project, :environment,
                        :scopes, :revoked, :expires_at)
                ON CONFLICT (key_id) DO UPDATE SET revision = EXCLUDED.revision, scopes = EXCLUDED.scopes,
                  revoked = EXCLUDED.revoked, changed_at = now()
                WHERE k.revision < EXCLUDED.revision"""
        )
        self._cache: dict[str, tuple[float, Principal]] = {}
        self._hashes: dict[str, tuple[float, Principal, str]] = {}

    def known(self, header: str | None) -> Principal | None:
        """The principal of an Authorization header that was looked up a moment ago; None for all others."""
        cached = self._cache.get(header or "")
        return cached[1] if cached is not None and cached[0] > time.monotonic() else None

    async def authenticate(self, header: str | None) -> Principal:
        """The principal of an Authorization header; Problem 401 if there is none."""
        found = self.known(header)
        if found is not None:
            return found
        principal = await self._look_up(*parse_key(header))
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        if header is not None and len(header) <= _LONGEST:
            self._cache[header] = (time.monotonic() + _FRESH_S, principal)
        return principal

    async def authenticate_proof(self, key_id: str, is_proof: Callable[[str], bool]) -> Principal:
        """The principal of a key that proved itself without being sent: `is_proof` gets the hash of its secret.

        Raises Problem 401.
        """
        found = self._hashes.get(key_id)
        if found is None or found[0] <= time.monotonic():
            principal, hashed = await self._load(key_id)
            if len(self._hashes) >= _CACHED:
                self._hashes.clear()
            found = self._hashes[key_id] = (time.monotonic() + _FRESH_S, principal, hashed)
        if not is_proof(found[2]):
            raise unauthenticated()
        return found[1]

    def forget(self, key_id: str) -> None:
        """Look a key up again at its next use."""
        self._hashes.pop(key_id, None)
        self._cache = {header: it for header, it in self._cache.items() if it[1].key_id != key_id}

    async def _look_up(self, key_id: str, secret: str) -> Principal:
        principal, expected = await self._load(key_id)
        if not hmac.compare_digest(hash_secret(secret), expected):
            raise unauthenticated()
        return principal

    async def _load(self, key_id: str) -> tuple[Principal, str]:
        """A key's principal and the hash of its secret. Raises Problem 401 where it is unknown, revoked or ended."""
        async with self._engine.connect() as conn:
            row = (await conn.execute(self._select, {"key_id": key_id})).mappings().first()
        if row is None or row["void"]:
            raise unauthenticated()
        return Principal(
            row["key_id"],
            row["subject"],
            row["subject_kind"],
            row["project"],
            row["environment"],
            frozenset(row["scopes"]),
        ), row["secret_hash"]

    async def take(self, tx: Tx, events: Sequence[Received[KeyChanged]], trusted: Sequence[str]) -> None:
        """Keeps what `key.changed` events say. Raises `Permanent` unless one of the `trusted` keys signed them."""
        for received in events:
            event = received.event
            fields = event.model_dump(mode="json", exclude={"signature"})
            if not any(verify(public, key_bytes(fields), event.signature.value) for public in trusted):
                raise Permanent("key.changed is not signed by the gatekeeper")
            row = {**fields, "scopes": list(event.scopes), "expires_at": event.expires_at}
            await tx.conn.execute(self._upsert, row)

    def subscription(self, trusted: Sequence[str]) -> Subscription:
        """What keeps the copy up to date in every service but the gatekeeper, who owns the keys."""

        async def handle(tx: Tx, events: Sequence[Received[Any]]) -> None:
            await self.take(tx, events, trusted)

        return Subscription("keys", (KeyChanged,), handle)


def require(*scopes: str, person: bool = False) -> Callable[[Request], Awaitable[Principal]]:
    """A FastAPI dependency: the request's principal, with one of `scopes`."""

    async def dependency(request: Request) -> Principal:
        keys: KeyStore = request.app.state.keys
        principal = await keys.authenticate(authorization(request))
        return principal.require(*scopes, person=person)

    return dependency
