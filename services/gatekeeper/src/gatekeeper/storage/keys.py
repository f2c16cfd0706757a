"""Read API keys and signing keys."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.model import IssuedKey, SigningKey
from gatekeeper.storage.typed_rows import fetch_rows

_SIGNING = text("SELECT key_id, public_key FROM gatekeeper.signing_keys ORDER BY added_at")
_KEYS = text(
    """SELECT k.key_id AS id, k.subject, k.subject_kind AS kind, k.scopes, k.origins, k.changed_at AS issued_at
       FROM gatekeeper.api_keys k
       WHERE k.project = :project AND k.environment = :environment AND NOT k.revoked AND k.expires_at IS NULL
         AND (CAST(:subject AS text) IS NULL OR (k.subject, k.key_id) > (:subject, :key_id))
       ORDER BY k.subject, k.key_id LIMIT :limit"""
)

_INVALID = text(
    """SELECT project, environment, key_id FROM gatekeeper.api_keys
       WHERE key_id = ANY(:keys) AND (revoked OR coalesce(expires_at <= now(), false))"""
)


class KeyRepository:
    """API keys and signing keys in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def list_signing_keys(self) -> list[SigningKey]:
        """Return the public signing keys, oldest first."""
        return await fetch_rows(self._conn, SigningKey, _SIGNING, {})

    async def list_keys(
        self, project: str, environment: str, after: tuple[str | None, str | None], limit: int
    ) -> list[IssuedKey]:
        """Return the keys that last until they are revoked, by subject.

        `after`: subject and id of the last key of the page before; None twice for the first page.
        """
        page = {"subject": after[0], "key_id": after[1], "limit": limit}
        return await fetch_rows(self._conn, IssuedKey, _KEYS, {"project": project, "environment": environment, **page})

    async def list_invalid_keys(self, key_ids: Sequence[str]) -> list[tuple[str, str, str]]:
        """Return project, environment and id of those of `key_ids` that are revoked or expired."""
        found = (await self._conn.execute(_INVALID, {"keys": list(key_ids)})) if key_ids else ()
        return [(row.project, row.environment, row.key_id) for row in found]
