"""SQL of the inbox: which events a consumer has processed."""

from collections.abc import Sequence
from operator import attrgetter
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_bytes_of = attrgetter("bytes")


class InboxStatements:
    """Claims events in the caller's transaction; the SQL is that of one schema."""

    def __init__(self, schema: str) -> None:
        self._claim = text(
            f"""WITH given AS (SELECT unnest(CAST(:ids AS uuid[])) AS id),
                     claimed AS (INSERT INTO {schema}.inbox (consumer, event_id) SELECT :consumer, id FROM given
                                 ON CONFLICT DO NOTHING RETURNING event_id)
                SELECT id FROM given WHERE id NOT IN (SELECT event_id FROM claimed)"""
        )

    async def claim(self, conn: AsyncConnection, consumer: str, ids: Sequence[UUID]) -> set[UUID]:
        """Record `ids` as processed by `consumer`; return those that it had not processed before."""
        # Sorted, so that two instances that claim the same events can't deadlock.
        ordered = sorted(ids, key=_bytes_of)
        known = await conn.execute(self._claim, {"consumer": consumer, "ids": ordered})
        return set(ids).difference(row[0] for row in known)  # few rows come back: most events are new
