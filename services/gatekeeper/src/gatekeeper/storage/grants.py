"""Read grants. The functions of the database write them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.model import Grant
from gatekeeper.storage.typed_rows import fetch_rows

_GRANTS = """SELECT g.id, g.project, g.environment, g.name, g.slot, g.uses AS count, g.per_hour, g.given_by, g.given_at,
                    g.expires_at, g.hash, r.at AS revoked_at, r.by AS revoked_by, r.reason AS revoked_because,
                    (SELECT count(*) FROM gatekeeper.grant_uses u WHERE u.grant_id = g.id) AS used
             FROM gatekeeper.grants g LEFT JOIN gatekeeper.grant_revocations r ON r.grant_id = g.id
             WHERE g.project = :project AND g.environment = :environment"""
_BY_ID = text(f"{_GRANTS} AND g.id = :id")
_PAGE = text(
    f"""{_GRANTS} AND (CAST(:given_at AS timestamptz) IS NULL OR (g.given_at, g.id) < (:given_at, CAST(:id AS uuid)))
        ORDER BY g.given_at DESC, g.id DESC LIMIT :limit"""
)


class GrantRepository:
    """Grants in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def get_grant(self, project: str, environment: str, grant_id: UUID) -> Grant:
        """Return a grant that exists, with how often it was used."""
        values = {"project": project, "environment": environment, "id": grant_id}
        [grant] = await fetch_rows(self._conn, Grant, _BY_ID, values)
        return grant

    async def list_grants(
        self, project: str, environment: str, after: tuple[datetime | None, UUID | None], limit: int
    ) -> list[Grant]:
        """Return grants, newest first, with how often each was used.

        `after`: `given_at` and `id` of the last grant of the page before; None twice for the first page.
        """
        given_at, grant_id = after
        values = {"project": project, "environment": environment, "given_at": given_at, "id": grant_id, "limit": limit}
        return await fetch_rows(self._conn, Grant, _PAGE, values)
