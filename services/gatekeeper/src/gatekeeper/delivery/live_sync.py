"""How an instance learns what others made live: it reads the database when a bell rings, and from time to time."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.delivery.frames import to_frame
from gatekeeper.delivery.hub import Hub, Scope
from gatekeeper.delivery.notifier import Notification
from gatekeeper.promotion.repository import list_live
from shared.auth.keys import KeyStore
from shared.events.promotion import KeyChanged, PromptLive
from shared.messaging.cloudevents import Received

# Rows show up when their transaction commits, which the database ends after 30 s at the latest.
_OVERLAP = timedelta(seconds=60)
_NOW = text("SELECT clock_timestamp()")
_SINCE = text(
    """SELECT project, environment, name, max(sequence) AS sequence FROM gatekeeper.live_history
       WHERE at > :since GROUP BY project, environment, name"""
)

_VOID = text(
    """SELECT project, environment, key_id FROM gatekeeper.api_keys
       WHERE key_id = ANY(:keys) AND (revoked OR coalesce(expires_at <= now(), false))"""
)


class LiveSync:
    """Pushes to the hub's clients what went live elsewhere, and ends the streams of keys that were revoked there."""

    def __init__(self, engine: AsyncEngine, hub: Hub, keys: KeyStore) -> None:
        self._engine = engine
        self._keys = keys
        self.hub = hub

    async def catch_up(self, notices: Iterable[Notification]) -> None:
        """Reads what this instance has not pushed yet, and pushes it."""
        wanted: dict[Scope, set[str]] = defaultdict(set)
        for notice in notices:
            scope = (notice.project, notice.environment)
            if self.hub.behind(scope, notice.name, notice.sequence):
                wanted[scope].add(notice.name)
        for (project, environment), names in wanted.items():
            async with self._engine.connect() as conn:
                found = await list_live(conn, project, environment, sorted(names))
            for said in found:
                self.hub.push((project, environment), to_frame(said))

    async def on_live(self, events: Sequence[Received[PromptLive]]) -> None:
        """`prompt.live` from the bus: the way that works without Redis. The content comes from the database."""
        said = [received.event for received in events]
        await self.catch_up(Notification(e.project, e.environment, e.name, e.sequence) for e in said)

    async def on_keys(self, events: Sequence[Received[KeyChanged]]) -> None:
        """`key.changed` from the bus: a revoked key's streams end at once.

        It proves nothing, so it is not verified: who is sent away too early comes back, and is looked up.
        """
        for event in (received.event for received in events if received.event.revoked):
            self._keys.forget(event.key_id)
            self.hub.end_streams((event.project, event.environment), event.key_id)

    async def poll(self, every: float) -> None:
        """The backstop: looks every `every` seconds for what neither Redis nor Kafka told, and for keys that ended."""
        async with self._engine.connect() as conn:
            since = (await conn.execute(_NOW)).scalar_one()
        while True:
            await asyncio.sleep(every)
            async with self._engine.connect() as conn:
                now = (await conn.execute(_NOW)).scalar_one()
                rows = (await conn.execute(_SINCE, {"since": since - _OVERLAP})).all()
                keys = self.hub.keys()
                void = (await conn.execute(_VOID, {"keys": keys})).all() if keys else []
            for project, environment, key in void:
                self.hub.end_streams((project, environment), key)
            await self.catch_up(Notification(*row) for row in rows)
            since = now
