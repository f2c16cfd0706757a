"""What an erasure must look at in all environments of a project."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_ERASED = text("SELECT digest FROM gatekeeper.erased_examples WHERE project = :project")
_LIVE = text(
    """SELECT environment, name, digest FROM gatekeeper.live_with_revoked WHERE project = :project
       ORDER BY environment, name"""
)


async def list_erased_examples(conn: AsyncConnection, project: str) -> set[str]:
    """Return the digests of the erased examples of a project."""
    return set((await conn.execute(_ERASED, {"project": project})).scalars())


async def list_live_with_revoked(conn: AsyncConnection, project: str) -> list[tuple[str, str, str]]:
    """Return environment, name and digest of the live versions that serve a revoked example."""
    found = await conn.execute(_LIVE, {"project": project})
    return [(row.environment, row.name, row.digest) for row in found]
