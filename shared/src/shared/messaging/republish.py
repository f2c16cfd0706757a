"""Sends again what Kafka may have forgotten. The outbox is the record; consumers know an event by its id."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

_SCHEMAS = """SELECT n.nspname FROM pg_class s
              JOIN pg_namespace n ON n.oid = s.relnamespace
              JOIN pg_class i ON i.relnamespace = n.oid AND i.relname = 'inbox'
              WHERE s.relname = 'subscriptions' AND s.relkind = 'r' AND i.relkind = 'r'
                AND has_schema_privilege(n.oid, 'USAGE')
                AND has_table_privilege(s.oid, 'SELECT') AND has_table_privilege(i.oid, 'SELECT')
              ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class RepublishScope:
    """Which events: emitted since then, on one topic, only those that some subscriber's inbox lacks, of one project."""

    since: datetime | None = None
    topic: str | None = None
    lacking: bool = False
    project: str | None = None


async def republish(engine: AsyncEngine, schema: str, scope: RepublishScope) -> int:
    """Do what `queue_again` does in a transaction of its own."""
    async with engine.begin() as conn:
        return await queue_again(conn, schema, scope)


async def queue_again(conn: AsyncConnection, schema: str, scope: RepublishScope) -> int:
    """Put sent events of one service back into its outbox's queue; return the number of events.

    With `lacking`, the inboxes of all services in this database are asked which events they never took;
    events of topics that nobody subscribes to are left alone then.
    """
    lacking = await _lacking(conn) if scope.lacking else "true"
    done = await conn.execute(
        text(
            f"""UPDATE {schema}.outbox AS o SET sent_at = NULL
                WHERE sent_at IS NOT NULL
                  AND (CAST(:since AS timestamptz) IS NULL OR created_at >= :since)
                  AND (CAST(:topic AS text) IS NULL OR topic = :topic)
                  AND (CAST(:project AS text) IS NULL OR key = :project OR starts_with(key, :project || '/'))
                  AND ({lacking})"""
        ),
        {"since": scope.since, "topic": scope.topic, "project": scope.project},
    )
    return done.rowcount


async def _lacking(conn: AsyncConnection) -> str:
    """SQL that is true for an event that a subscriber has never taken; what it parked before, it parks only once."""
    schemas = [row[0] for row in await conn.execute(text(_SCHEMAS))]
    clauses = [
        f"""EXISTS (SELECT 1 FROM "{other}".subscriptions s WHERE s.topic = o.topic AND NOT EXISTS (
              SELECT 1 FROM "{other}".inbox i WHERE i.consumer = s.consumer AND i.event_id = o.event_id))"""
        for other in schemas
    ]
    return " OR ".join(clauses) or "false"
