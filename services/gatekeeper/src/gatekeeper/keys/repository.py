"""The SQL of keys: reading them."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_SIGNING = text("SELECT key_id, public_key FROM gatekeeper.signing_keys ORDER BY added_at")
_KEYS = text(
    """SELECT k.key_id AS id, k.subject, k.subject_kind AS kind, k.scopes, k.changed_at AS issued_at
       FROM gatekeeper.api_keys k
       WHERE k.project = :project AND k.environment = :environment AND NOT k.revoked AND k.expires_at IS NULL
       ORDER BY k.subject, k.key_id LIMIT 1000"""
)


async def list_signing_keys(conn: AsyncConnection) -> list[dict[str, Any]]:
    """Public keys, oldest first."""
    return [dict(row) for row in (await conn.execute(_SIGNING)).mappings()]


async def list_keys(conn: AsyncConnection, project: str, environment: str) -> list[dict[str, Any]]:
    """Keys that last until they are revoked."""
    found = await conn.execute(_KEYS, {"project": project, "environment": environment})
    return [dict(row) for row in found.mappings()]
