"""The key of users' pseudonyms, read from the database once."""

import secrets

from sqlalchemy.ext.asyncio import AsyncEngine

from collector.domain.request_context import PseudonymKey
from collector.storage.connections import DedicatedConnection
from collector.storage.repository import PostgresRepository


class PseudonymKeyCache:
    """The key of pseudonyms: read at first use, created if there is none. All instances share one."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._key: PseudonymKey | None = None

    @property
    def cached(self) -> PseudonymKey | None:
        """Return the key; None before its first use."""
        return self._key

    async def get(self) -> PseudonymKey:
        """Return the key. Raises Retryable while the database is unavailable."""
        if self._key is None:
            connection = DedicatedConnection(self._engine)
            try:
                async with connection.begin() as pg:
                    new_secret = secrets.token_bytes(32)
                    self._key = PseudonymKey(*await PostgresRepository(pg, 1).get_pseudonym_key(new_secret))
            finally:
                await connection.close()
        return self._key
