"""Retention: which rows of the delivery tables are deleted, and when."""

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.messaging.topics import COMPACTED

SWEEP_S = 600.0
"""Seconds between two runs of `delete_expired`."""
_OUTBOX_FACTOR = 2
_INBOX_FACTOR = 4
"""An event stays in the outbox for two retention periods, however often it is republished, and in Kafka for one more
after it was last sent. The inbox must remember it for longer than that, or a replay would be counted twice."""


async def delete_expired(engine: AsyncEngine, schema: str, retention_hours: int) -> None:
    """Delete sent outbox rows and handled dead letters after `retention_hours`, inbox rows after four times as long.

    A parked dead letter is kept, with its text, until an operator replays or discards it; then for `retention_hours`.
    A republished outbox row is deleted after twice `retention_hours` at the latest. Rows of compacted topics are kept,
    because such a topic must be rebuilt completely.
    """
    kept = ", ".join(f"'{topic}'" for topic in sorted(COMPACTED))
    for table, condition, hours in (
        ("outbox", f"topic NOT IN ({kept}) AND sent_at", retention_hours),
        ("outbox", f"topic NOT IN ({kept}) AND sent_at IS NOT NULL AND created_at", retention_hours * _OUTBOX_FACTOR),
        ("dead_letters", "status <> 'parked' AND settled_at", retention_hours),
        ("inbox", "received_at", retention_hours * _INBOX_FACTOR),
    ):
        async with engine.begin() as conn:
            await conn.execute(
                text(f"DELETE FROM {schema}.{table} WHERE {condition} < now() - make_interval(hours => :hours)"),
                {"hours": hours},
            )
