"""The API keys of the evaluator itself, by environment: judges' scores are submitted by them."""

from collections.abc import Mapping, Sequence

from sqlalchemy import any_, func, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.storage.tables import keys


async def find_submission_keys(conn: AsyncConnection, key_ids: Sequence[str]) -> Mapping[tuple[str, str], str]:
    """Return, by project and environment, the id of one of these keys that may submit feedback there."""
    c = keys.c
    valid = or_(c.expires_at.is_(None), c.expires_at > func.now())
    statement = select(c.key_id, c.project, c.environment).where(
        c.key_id.in_(list(key_ids)), ~c.revoked, valid, literal("ingest") == any_(c.scopes)
    )
    return {(row.project, row.environment): row.key_id for row in await conn.execute(statement.order_by(c.key_id))}
