"""Closes pooled database connections that nothing needs: each is a PostgreSQL process with some 4 MB."""

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool
from sqlalchemy.util import greenlet_spawn

SHRINK_S = 15.0


class IdleConnections:
    """The connections of `engine`'s pool that were not in use at the same moment since the last `close`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._most = 0
        event.listen(engine.sync_engine, "checkout", self._count)

    async def close(self) -> None:
        """Close pooled connections if there are more than were needed; the next use opens a new one.

        Connections in use stay open until they are returned. The engine gets its new pool first: a connection taken
        from a pool that is being closed would return to it and never be closed.
        """
        pool, needed = self._engine.pool, self._most
        assert isinstance(pool, QueuePool)
        self._most = pool.checkedout()
        if pool.checkedin() == 0 or pool.checkedin() + pool.checkedout() <= needed:
            return
        self._most = 0
        await self._engine.dispose(close=False)
        event.listen(pool, "checkin", _close_returned)
        try:
            await greenlet_spawn(pool.dispose)
        finally:
            await greenlet_spawn(pool.dispose)  # what was left if this was cancelled

    def _count(self, *_: object) -> None:
        pool = self._engine.pool
        assert isinstance(pool, QueuePool)
        self._most = max(self._most, pool.checkedout())


def _close_returned(_: object, entry: ConnectionPoolEntry) -> None:
    """Close a connection that returns to a replaced pool: nobody takes it from there again."""
    entry.invalidate()
