"""Forgets in time: texts after the retention, inbox entries only when no replay can bring their events back."""

import asyncio

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.messaging.topics import COMPACTED

_EVERY_S = 600.0
_OUTBOX_FACTOR = 2
_INBOX_FACTOR = 4
"""An event stays in the outbox for two retentions, however often it is sent again, and in Kafka for one more after it
was last sent: the inbox must know it for longer than that, or it would count twice."""


async def delete_expired(engine: AsyncEngine, schema: str, retention_hours: int) -> None:
    """Deletes what is older than the retention: sent outbox rows; inbox rows after four times as long.

    A dead letter stays, with its text, until an operator replays or discards it; then for one retention more.

    What was sent again stays in the outbox for twice as long at most. Rows of compacted topics stay: such a topic must
    be rebuilt whole.
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


async def delete_expired_periodically(engine: AsyncEngine, schema: str, retention_hours: int) -> None:
    """`sweep` every ten minutes."""
    while True:
        await asyncio.sleep(_EVERY_S)
        await delete_expired(engine, schema, retention_hours)
