"""The origins that keys list: a preflight has no key, so that it is answered for all of them."""

import asyncio
import time

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

_FRESH_S = 2.0
_ORIGINS = text(
    """SELECT DISTINCT unnest(origins) FROM collector.api_keys
       WHERE origins <> '{}' AND NOT revoked AND coalesce(expires_at > now(), true)"""
)


class KeyOrigins:
    """The origins of all valid keys, of all projects, as they were at most two seconds ago."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._lock = asyncio.Lock()
        self._origins: frozenset[str] = frozenset()
        self._fresh_until = 0.0

    async def contains(self, origin: str) -> bool:
        """Return whether a valid key lists `origin`. However many ask, the database is read once in two seconds."""
        if time.monotonic() >= self._fresh_until:
            async with self._lock:
                if time.monotonic() >= self._fresh_until:
                    await self._read()
        return origin in self._origins

    async def _read(self) -> None:
        fresh_until = time.monotonic() + _FRESH_S
        async with self._engine.connect() as conn:
            self._origins = frozenset((await conn.execute(_ORIGINS)).scalars())
        self._fresh_until = fresh_until
