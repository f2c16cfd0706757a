"""Closes pooled database connections that nothing needs: each is a PostgreSQL process with some 4 MB."""

from weakref import WeakSet

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import Pool, QueuePool
from sqlalchemy.util import greenlet_spawn

SHRINK_S = 15.0


class IdleConnections:
    """The connections of `engine`'s pool that were not in use at the same moment since the last `close`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._most = 0
        self._replaced: WeakSet[Pool] = WeakSet()
        event.listen(engine.sync_engine, "checkout", self._count)

    async def close(self) -> None:
        """Close pooled connections if there are more than were needed; the next use opens a new one.

        Connections in use stay as they are; they return to their pool, and are closed the next time. The engine gets
        its new pool first: a connection taken from a pool that is being closed would return to it and never be closed.
        """
        pool, needed = self._engine.pool, self._most
        assert isinstance(pool, QueuePool)
        self._most = pool.checkedout()
        if pool.checkedin() > 0 and pool.checkedin() + pool.checkedout() > needed:
            self._most = 0
            self._replaced.add(pool)
            await self._engine.dispose(close=False)
        for replaced in list(self._replaced):  # a pool is here as long as one of its connections is in use
            try:
                await greenlet_spawn(replaced.dispose)
            finally:
                await greenlet_spawn(replaced.dispose)  # what was left if this was cancelled

    def _count(self, *_: object) -> None:
        pool = self._engine.pool
        assert isinstance(pool, QueuePool)
        self._most = max(self._most, pool.checkedout())
