"""asyncpg connections: long-lived ones outside SQLAlchemy's pool, and that of a handler's transaction."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.errors import Retryable
from shared.messaging.store import Tx
from shared.runtime.failure_classification import FailureClass, classify, is_connection_doubtful


class DedicatedConnection:
    """One connection that stays open, for one user at a time.

    Statements are planned once, and always to use indexes: the tables may have been empty at planning time.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._conn: AsyncConnection | None = None

    @contextlib.asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        """Return a transaction on the asyncpg connection. Raises as `session` does."""
        async with self.session() as pg, pg.transaction():
            yield pg

    @contextlib.asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        """Return the asyncpg connection: each statement is its own transaction, unless the caller begins one.

        Raises Retryable for errors that the values do not cause. After such an error, and where the connection was
        lost, the next session opens another connection.
        """
        with transient_errors():
            try:
                yield await self._open()
            except BaseException as error:
                lost = await self._is_lost()
                if lost or is_connection_doubtful(error):
                    await self.close()
                if lost and isinstance(error, Exception):
                    raise Retryable(type(error).__name__) from error
                raise

    async def _is_lost(self) -> bool:
        """Whether the connection was lost, so that the error says nothing about the values."""
        try:
            return self._conn is None or bool((await self._driver()).is_closed())
        except Exception:  # SQLAlchemy refuses a connection that was invalidated
            return True

    async def close(self) -> None:
        """Close the connection; the next transaction opens another."""
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
    """Return the asyncpg connection of a handler's transaction, which must have begun."""
    pg = (await tx.conn.get_raw_connection()).driver_connection
    assert pg is not None
    assert pg.is_in_transaction()
    return pg


@contextlib.contextmanager
def transient_errors() -> Iterator[None]:
    """Raise Retryable for errors of the database or its driver, unless the values cause them."""
    try:
        yield
    except Exception as error:
        if classify(error) is FailureClass.RETRYABLE and not isinstance(error, Retryable):
            raise Retryable(type(error).__name__) from error
        raise
