"""Read people and sessions."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gatekeeper.domain.model import OpenSession, PersonAccess
from gatekeeper.storage.typed_rows import fetch_rows

_SESSION = text(
    """SELECT a.scopes, a.expires_at, s.opened_at
       FROM gatekeeper.sessions s JOIN gatekeeper.api_keys a ON a.key_id = s.acting
       WHERE :key_id IN (s.acting, s.reading)"""
)
# The scopes of a person: those of lasting keys, and those of unexpired sign-in links.
_PEOPLE = text(
    """SELECT p.subject, p.added_at,
              ARRAY(SELECT DISTINCT scope FROM (
                        SELECT unnest(k.scopes) AS scope FROM gatekeeper.api_keys k
                        WHERE (k.project, k.person) = (p.project, p.subject) AND k.environment = :environment
                        AND NOT k.revoked AND coalesce(k.expires_at > clock_timestamp(), true)
                        UNION ALL
                        SELECT unnest(l.scopes) FROM gatekeeper.sign_in_links l
                        WHERE (l.project, l.subject) = (p.project, p.subject) AND l.environment = :environment
                        AND l.expires_at > clock_timestamp()) held
                    ORDER BY scope) AS scopes,
              (SELECT count(*) FROM gatekeeper.sessions s JOIN gatekeeper.api_keys a ON a.key_id = s.acting
               WHERE (a.project, a.person) = (p.project, p.subject) AND a.environment = :environment
               AND NOT a.revoked AND a.expires_at > clock_timestamp()) AS sessions
       FROM gatekeeper.people p WHERE p.project = :project AND p.subject > :after ORDER BY p.subject LIMIT :limit"""
)


class PersonRepository:
    """People and their sessions in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def get_session(self, key_id: str) -> OpenSession | None:
        """Return the session that a key belongs to; None if it belongs to none."""
        row = (await self._conn.execute(_SESSION, {"key_id": key_id})).mappings().first()
        return None if row is None else OpenSession(**row)

    async def list_people(self, project: str, environment: str, after: str, limit: int) -> list[PersonAccess]:
        """Return the people of the project whose subject follows `after`, with their scopes in the environment."""
        values = {"project": project, "environment": environment, "after": after, "limit": limit}
        return await fetch_rows(self._conn, PersonAccess, _PEOPLE, values)
