"""Direct lines to PostgreSQL: what the hot path uses instead of the pool, and what handlers borrow from theirs."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.messaging.errors import Retryable
from shared.messaging.store import Tx

# Classes of SQLSTATE in which nothing is wrong with the statement; see `shared.messaging.errors`.
_PASSING = ("08", "40", "53", "55", "57", "58")


class Line:
    """One connection that stays open, for one transaction after the other (never two at once).

    Statements are planned once, and always by index: the tables they look into may have been empty then.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._conn: AsyncConnection | None = None

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        """A transaction on an asyncpg connection. Raises `Retryable` where the database is away or busy."""
        with passing_errors():
            try:
                pg = await self._open()
                async with pg.transaction():
                    yield pg
            except BaseException:
                if self._conn is not None and (await self._driver()).is_closed():
                    await self.close()
                raise

    async def close(self) -> None:
        """Gives the connection up; the next transaction opens another."""
        conn, self._conn = self._conn, None
        if conn is not None:
            with contextlib.suppress(Exception):
                await conn.invalidate()
            with contextlib.suppress(Exception):
                await conn.close()

    async def _open(self) -> Any:
        if self._conn is None:
            self._conn = await self._engine.connect()
            pg = await self._driver()
            await pg.execute("SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan")
            return pg
        return await self._driver()

    async def _driver(self) -> Any:
        assert self._conn is not None
        return (await self._conn.get_raw_connection()).driver_connection


async def borrowed(tx: Tx) -> Any:
    """The asyncpg connection of a handler's transaction, which must have begun."""
    pg = (await tx.conn.get_raw_connection()).driver_connection
    assert pg is not None
    assert pg.is_in_transaction()
    return pg


@contextlib.contextmanager
def passing_errors() -> Iterator[None]:
    """Turns what asyncpg raises while the database is away or busy into `Retryable`."""
    try:
        yield
    except asyncpg.PostgresError as error:
        if (error.sqlstate or "").startswith(_PASSING):
            raise Retryable(type(error).__name__) from error
        raise
    except (asyncpg.InterfaceError, DBAPIError, OSError, TimeoutError) as error:
        raise Retryable(type(error).__name__) from error
