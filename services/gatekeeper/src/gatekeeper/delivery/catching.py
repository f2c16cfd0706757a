"""How an instance learns what others made live: it reads the database when a bell rings, and from time to time."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.delivery.bell import Notice
from gatekeeper.delivery.framing import framed
from gatekeeper.delivery.hub import Hub, Scope
from gatekeeper.rollouts.store import live
from shared.events.promotion import PromptLive
from shared.messaging.cloudevents import Received

# Rows show up when their transaction commits, which the database ends after 30 s at the latest.
_OVERLAP = timedelta(seconds=60)
_NOW = text("SELECT clock_timestamp()")
_SINCE = text(
    """SELECT project, environment, name, max(sequence) AS sequence FROM gatekeeper.live_history
       WHERE at > :since GROUP BY project, environment, name"""
)


class CatchUp:
    """Pushes to the hub's clients what went live elsewhere."""

    def __init__(self, engine: AsyncEngine, hub: Hub) -> None:
        self._engine = engine
        self._hub = hub

    async def catch_up(self, notices: Iterable[Notice]) -> None:
        """Reads what this instance has not pushed yet, and pushes it."""
        wanted: dict[Scope, set[str]] = defaultdict(set)
        for notice in notices:
            scope = (notice.project, notice.environment)
            if self._hub.behind(scope, notice.name, notice.sequence):
                wanted[scope].add(notice.name)
        for (project, environment), names in wanted.items():
            async with self._engine.connect() as conn:
                found = await live(conn, project, environment, sorted(names))
            for said in found:
                self._hub.push((project, environment), framed(said))

    async def on_live(self, events: Sequence[Received[PromptLive]]) -> None:
        """`prompt.live` from the bus: the way that works without Redis. The content comes from the database."""
        said = [received.event for received in events]
        await self.catch_up(Notice(e.project, e.environment, e.name, e.sequence) for e in said)

    async def poll(self, every: float) -> None:
        """The backstop: looks for what neither Redis nor Kafka told, for ever."""
        async with self._engine.connect() as conn:
            since = (await conn.execute(_NOW)).scalar_one()
        while True:
            await asyncio.sleep(every)
            async with self._engine.connect() as conn:
                now = (await conn.execute(_NOW)).scalar_one()
                rows = (await conn.execute(_SINCE, {"since": since - _OVERLAP})).all()
            await self.catch_up(Notice(*row) for row in rows)
            since = now
