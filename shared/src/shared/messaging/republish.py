"""Republishing: send events of the outbox to Kafka again. Consumers recognise an event by its id."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.messaging.packed_messages import ID_BYTES

_SCHEMAS = """SELECT n.nspname FROM pg_class s
              JOIN pg_namespace n ON n.oid = s.relnamespace
              JOIN pg_class i ON i.relnamespace = n.oid AND i.relname = 'inbox'
              WHERE s.relname = 'subscriptions' AND s.relkind = 'r' AND i.relkind = 'r'
                AND has_schema_privilege(n.oid, 'USAGE')
                AND has_table_privilege(s.oid, 'SELECT') AND has_table_privilege(i.oid, 'SELECT')
              ORDER BY 1"""


@dataclass(frozen=True, slots=True)
class RepublishScope:
    """Which events to send again; None means all. `lacking`: only those that the inbox of a subscriber lacks."""

    since: datetime | None = None
    topic: str | None = None
    lacking: bool = False
    project: str | None = None


async def republish(engine: AsyncEngine, schema: str, scope: RepublishScope) -> int:
    """Run `requeue` in its own transaction."""
    async with engine.begin() as conn:
        return await requeue(conn, schema, scope)


async def requeue(conn: AsyncConnection, schema: str, scope: RepublishScope) -> int:
    """Mark sent events of one service as unsent, so that its relay sends them again; return their number.

    With `lacking`, only rows with an event that the inbox of a subscribing service in this database lacks; then events
    of topics without subscribers are not sent.
    """
    lacking = await _lacking(conn) if scope.lacking else "SELECT id FROM wanted"
    done = await conn.execute(
        text(
            f"""WITH wanted AS (
                  SELECT id, topic, event_ids FROM {schema}.outbox
                  WHERE (sent_at IS NOT NULL OR sent > 0)
                    AND (CAST(:since AS timestamptz) IS NULL OR created_at >= :since)
                    AND (CAST(:topic AS text) IS NULL OR topic = :topic)
                    AND (CAST(:project AS text) IS NULL OR key = :project OR starts_with(key, :project || '/'))),
                events AS (
                  SELECT id, topic, encode(substring(event_ids FROM n * {ID_BYTES} + 1 FOR {ID_BYTES}), 'hex')::uuid
                    AS event_id
                  FROM wanted CROSS JOIN generate_series(0, octet_length(event_ids) / {ID_BYTES} - 1) AS n)
                UPDATE {schema}.outbox AS o SET sent_at = NULL, sent = 0 WHERE id IN ({lacking})
                RETURNING octet_length(o.event_ids) / {ID_BYTES} AS events"""
        ),
        {"since": scope.since, "topic": scope.topic, "project": scope.project},
    )
    return sum(row.events for row in done)


async def _lacking(conn: AsyncConnection) -> str:
    """Return a query of the rows in `events` that a subscriber has not processed. A parked event is parked only once.

    One join per schema: a subquery per row would read the whole inbox for each.
    """
    schemas = [row[0] for row in await conn.execute(text(_SCHEMAS))]
    queries = [
        f"""SELECT e.id FROM events e JOIN "{other}".subscriptions s ON s.topic = e.topic
            WHERE NOT EXISTS (
              SELECT 1 FROM "{other}".inbox i WHERE i.consumer = s.consumer AND i.event_id = e.event_id)"""
        for other in schemas
    ]
    return " UNION ".join(queries) or "SELECT id FROM wanted WHERE false"
