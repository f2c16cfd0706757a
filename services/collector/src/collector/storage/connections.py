"""Direct lines to PostgreSQL: what the hot path uses instead of the pool, and what handlers borrow from theirs."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.errors import Retryable
from shared.messaging.store import Tx
from shared.runtime.failures import FailureClass, classify, is_connection_doubtful


class DedicatedConnection:
    """One connection that stays open, for one transaction after the other (never two at once).

    Statements are planned once, and always by index: the tables they look into may have been empty then.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._conn: AsyncConnection | None = None

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        """A transaction on an asyncpg connection. Raises `Retryable` for whatever is not the fault of its values.

        After such an error, and where the connection died, the next transaction opens another connection.
        """
        with transient_errors():
            try:
                pg = await self._open()
                async with pg.transaction():
                    yield pg
            except BaseException as error:
                lost = await self._is_lost()
                if lost or is_connection_doubtful(error):
                    await self.close()
                if lost and isinstance(error, Exception):
                    raise Retryable(type(error).__name__) from error
                raise

    async def _is_lost(self) -> bool:
        """Whether the connection is there no more: what failed then says nothing about the values."""
        try:
            return self._conn is None or bool((await self._driver()).is_closed())
        except Exception:  # SQLAlchemy refuses a connection that was invalidated
            return True

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


async def raw_connection(tx: Tx) -> Any:
    """The asyncpg connection of a handler's transaction, which must have begun."""
    pg = (await tx.conn.get_raw_connection()).driver_connection
    assert pg is not None
    assert pg.is_in_transaction()
    return pg


@contextlib.contextmanager
def transient_errors() -> Iterator[None]:
    """Turn what the database or its driver raises into `Retryable`, unless the values are at fault."""
    try:
        yield
    except Exception as error:
        if classify(error) is FailureClass.RETRYABLE and not isinstance(error, Retryable):
            raise Retryable(type(error).__name__) from error
        raise
