"""Subscriptions on PostgreSQL: which consumer reads which topic, and which consumers are paused."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class SubscriptionStatements:
    """Reads and writes subscriptions in the caller's transaction; the SQL is that of one schema."""

    def __init__(self, schema: str) -> None:
        self._register = text(
            f"INSERT INTO {schema}.subscriptions (consumer, topic) VALUES (:consumer, :topic) ON CONFLICT DO NOTHING"
        )
        self._pause = text(
            f"""INSERT INTO {schema}.subscriptions (consumer, topic, paused_at, pause_reason)
                SELECT :consumer, topic, now(), :reason FROM unnest(CAST(:topics AS text[])) AS topic
                ON CONFLICT (consumer, topic) DO UPDATE SET paused_at = now(), pause_reason = :reason"""
        )
        self._resume = text(
            f"""UPDATE {schema}.subscriptions SET paused_at = NULL, pause_reason = NULL
                WHERE consumer = :consumer AND paused_at IS NOT NULL RETURNING topic"""
        )
        self._pause_reason = text(
            f"""SELECT pause_reason FROM {schema}.subscriptions
                WHERE consumer = :consumer AND paused_at IS NOT NULL LIMIT 1"""
        )

    async def register(self, conn: AsyncConnection, pairs: Sequence[tuple[str, str]]) -> None:
        """Store (consumer, topic) pairs, so that `republish` knows which inboxes should have an event."""
        if pairs:
            await conn.execute(self._register, [{"consumer": consumer, "topic": topic} for consumer, topic in pairs])

    async def pause(self, conn: AsyncConnection, consumer: str, topics: Sequence[str], reason: str) -> None:
        await conn.execute(self._pause, {"consumer": consumer, "topics": list(topics), "reason": reason})

    async def resume(self, conn: AsyncConnection, consumer: str) -> bool:
        """End the pause of a consumer; return False if it is not paused."""
        done = await conn.execute(self._resume, {"consumer": consumer})
        return done.first() is not None

    async def pause_reason(self, conn: AsyncConnection, consumer: str) -> str | None:
        """Return why a consumer is paused; None if it is not paused."""
        reason: str | None = await conn.scalar(self._pause_reason, {"consumer": consumer})
        return reason
