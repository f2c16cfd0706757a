"""A service's verified copy of the API keys, kept up to date by `key.changed` events."""

import asyncio
import hmac
import time
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from ratchet.signing import key_bytes, verify
from shared.auth.principal import Principal, hash_secret, parse_key, unauthenticated
from shared.errors import Permanent
from shared.events.promotion import KeyChanged
from shared.messaging.cloudevents import Received
from shared.messaging.store import Subscription, Tx
from shared.runtime.database import reader

_FRESH_S = 2.0
_CACHED = 10_000
_LONGEST = 256
"""Longest header that is cached: a key padded with spaces is still that key, but not worth memory."""


class KeyStore:
    """The service's copy of the API keys. A revoked or expired key works for at most two seconds more."""

    def __init__(self, engine: AsyncEngine, schema: str) -> None:
        self._engine = reader(engine)
        self._select = text(
            f"""SELECT key_id, secret_hash, subject, subject_kind, project, environment, scopes, origins,
                       revoked OR coalesce(expires_at <= now(), false) AS void
                FROM {schema}.api_keys WHERE key_id = :key_id"""
        )
        self._count = text(f"SELECT count(*) FROM {schema}.api_keys WHERE key_id = ANY(CAST(:key_ids AS text[]))")
        self._upsert = text(
            f"""INSERT INTO {schema}.api_keys AS k (key_id, revision, secret_hash, subject, subject_kind, project,
                                                    environment, scopes, revoked, expires_at, origins)
                VALUES (:key_id, :revision, :secret_hash, :subject, :subject_kind, :project, :environment,
                        :scopes, :revoked, :expires_at, :origins)
                ON CONFLICT (key_id) DO UPDATE SET revision = EXCLUDED.revision, scopes = EXCLUDED.scopes,
                  revoked = EXCLUDED.revoked, changed_at = now()
                WHERE k.revision < EXCLUDED.revision"""
        )
        self._cache: dict[str, tuple[float, Principal]] = {}
        self._lookups: dict[str, asyncio.Future[Principal]] = {}
        """Lookups in progress: requests that come meanwhile with the same header share one."""
        self._hashes: dict[str, tuple[float, Principal, str]] = {}

    def cached(self, header: str | None) -> Principal | None:
        """Return the cached principal of an Authorization header; None where it was not looked up in the last 2 s."""
        entry = self._cache.get(header or "")
        return entry[1] if entry is not None and entry[0] > time.monotonic() else None

    def last_known(self, header: str | None) -> Principal | None:
        """Return the principal of an Authorization header as it was looked up last; None where it never was.

        The key may have been revoked since: this says whose quota a request counts for, and allows nothing.
        """
        entry = self._cache.get(header or "")
        return None if entry is None else entry[1]

    async def authenticate(self, header: str | None) -> Principal:
        """Return the principal of an Authorization header. Raises Problem 401."""
        found = self.cached(header)
        if found is not None:
            return found
        key_id, secret = parse_key(header)
        assert header is not None
        lookup = self._lookups.get(header)
        if lookup is None:
            lookup = self._lookups[header] = asyncio.ensure_future(self._look_up_and_cache(header, key_id, secret))
            lookup.add_done_callback(partial(self._end_lookup, header))
        return await asyncio.shield(lookup)

    def _end_lookup(self, header: str, lookup: "asyncio.Future[Principal]") -> None:
        if self._lookups.get(header) is lookup:
            del self._lookups[header]
        if not lookup.cancelled():
            lookup.exception()  # those who wait for it raise it; there may be nobody left

    async def _look_up_and_cache(self, header: str, key_id: str, secret: str) -> Principal:
        until = time.monotonic() + _FRESH_S
        principal = await self._look_up(key_id, secret)
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        if len(header) <= _LONGEST:
            self._cache[header] = (until, principal)
        return principal

    async def authenticate_proof(self, key_id: str, is_proof: Callable[[str], bool]) -> Principal:
        """Return the principal of a key that was proved without being sent: `is_proof` gets the hash of its secret.

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

    async def has_copies(self, key_ids: Collection[str]) -> bool:
        """Return whether all these keys are stored here, valid or not."""
        async with self._engine.connect() as conn:
            found = await conn.execute(self._count, {"key_ids": list(key_ids)})
        return bool(found.scalar_one() == len(set(key_ids)))

    def forget(self, key_id: str) -> None:
        """Drop a key from the caches, so that its next use reads the database."""
        self._hashes.pop(key_id, None)
        self._lookups.clear()
        self._cache = {header: it for header, it in self._cache.items() if it[1].key_id != key_id}

    async def _look_up(self, key_id: str, secret: str) -> Principal:
        principal, expected = await self._load(key_id)
        if not hmac.compare_digest(hash_secret(secret), expected):
            raise unauthenticated()
        return principal

    async def _load(self, key_id: str) -> tuple[Principal, str]:
        """Return a key's principal and the hash of its secret. Raises Problem 401 unless it is valid now."""
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
            frozenset(row["origins"]),
        ), row["secret_hash"]

    async def save(self, tx: Tx, events: Sequence[Received[KeyChanged]], trusted: Sequence[str]) -> None:
        """Store the keys of `key.changed` events. Raises Permanent unless one of the `trusted` keys signed them."""
        for received in events:
            event = received.event
            fields = event.model_dump(mode="json", exclude={"signature"})
            if not any(verify(public, key_bytes(fields), event.signature.value) for public in trusted):
                raise Permanent("key.changed is not signed by the gatekeeper")
            row = {
                **fields,
                "scopes": list(event.scopes),
                "expires_at": event.expires_at,
                "origins": list(event.origins),
            }
            await tx.conn.execute(self._upsert, row)

    def subscription(self, trusted: Sequence[str]) -> Subscription:
        """Return the subscription that keeps the copy up to date; the gatekeeper, which owns the keys, has none."""

        async def handle(tx: Tx, events: Sequence[Received[Any]]) -> None:
            await self.save(tx, events, trusted)

        return Subscription("keys", (KeyChanged,), handle)
