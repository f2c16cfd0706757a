"""The SQL of grants: reading them."""

from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_GRANTS = text(
    """SELECT g.id, g.project, g.environment, g.name, g.slot, g.uses AS count, g.per_hour, g.given_by, g.given_at,
              g.expires_at, g.hash, r.at AS revoked_at, r.by AS revoked_by,
              r.reason AS revoked_because,
              (SELECT count(*) FROM gatekeeper.grant_uses u WHERE u.grant_id = g.id) AS used
       FROM gatekeeper.grants g LEFT JOIN gatekeeper.grant_revocations r ON r.grant_id = g.id
       WHERE g.project = :project AND g.environment = :environment AND (CAST(:id AS uuid) IS NULL OR g.id = :id)
       ORDER BY g.given_at DESC LIMIT 1000"""
)


async def list_grants(
    conn: AsyncConnection, project: str, environment: str, grant_id: UUID | None = None
) -> list[dict[str, Any]]:
    """Grants, newest first, with how often each was used."""
    found = await conn.execute(_GRANTS, {"project": project, "environment": environment, "id": grant_id})
    return [dict(row) for row in found.mappings()]
