"""Idle connections are closed, those in use are not."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool

from shared.runtime.idle_connections import IdleConnections
from tests.support.eventually import eventually
from tests.support.messaging import async_dsn


@pytest.fixture
async def engine(postgres_dsn: str) -> AsyncIterator[AsyncEngine]:
    engine = create_async_engine(async_dsn(postgres_dsn), pool_size=4, max_overflow=0)
    yield engine
    await engine.dispose()


async def use(engine: AsyncEngine, at_once: int) -> None:
    """Use `count` connections at the same time."""
    all_connected = asyncio.Barrier(at_once)

    async def ask() -> None:
        async with engine.connect() as connection:
            await all_connected.wait()
            assert await connection.scalar(text("SELECT 1")) == 1

    await asyncio.gather(*(ask() for _ in range(at_once)))


def opened(engine: AsyncEngine) -> int:
    assert isinstance(engine.pool, QueuePool)
    return engine.pool.checkedin() + engine.pool.checkedout()


async def test_only_idle_connections_are_closed(engine: AsyncEngine) -> None:
    idle = IdleConnections(engine)
    await use(engine, at_once=4)
    await idle.close()
    assert opened(engine) == 4
    await use(engine, at_once=2)
    await idle.close()
    assert opened(engine) == 0
    await use(engine, at_once=2)
    await idle.close()
    assert opened(engine) == 2


async def test_connection_is_closed_if_not_used_since_the_last_time(engine: AsyncEngine) -> None:
    idle = IdleConnections(engine)
    await use(engine, at_once=1)
    await idle.close()
    assert opened(engine) == 1
    await idle.close()
    assert opened(engine) == 0


async def test_connections_in_use_are_closed_once_they_are_returned(engine: AsyncEngine, postgres_dsn: str) -> None:
    """One that is always in use, such as that of a job, keeps no other one open."""
    idle = IdleConnections(engine)
    await use(engine, at_once=3)
    await idle.close()
    async with engine.connect() as connection:
        await idle.close()
        await ended_but(1, postgres_dsn)
        assert await connection.scalar(text("SELECT 1")) == 1
        await idle.close()
        assert await connection.scalar(text("SELECT 1")) == 1
    await ended_but(0, postgres_dsn)


async def test_connections_that_are_returned_after_the_end_are_closed(engine: AsyncEngine, postgres_dsn: str) -> None:
    """The engine knows only its last pool."""
    idle = IdleConnections(engine)
    await use(engine, at_once=3)
    await idle.close()
    async with engine.connect():
        await idle.close()
        await engine.dispose()
        await ended_but(1, postgres_dsn)
    await ended_but(0, postgres_dsn)


async def test_connection_whose_user_is_cancelled_is_closed(engine: AsyncEngine, postgres_dsn: str) -> None:
    idle = IdleConnections(engine)
    await use(engine, at_once=3)
    await idle.close()
    connected = asyncio.Event()

    async def work() -> None:
        async with engine.connect() as connection:
            connected.set()
            await connection.execute(text("SELECT pg_sleep(600)"))

    task = asyncio.create_task(work())
    await connected.wait()
    await idle.close()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await ended_but(0, postgres_dsn)


async def ended_but(count: int, dsn: str) -> None:
    """Wait until only `count` sessions are left on the server."""
    server = await asyncpg.connect(dsn)

    async def left() -> bool:
        found = await server.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return bool(found == count)

    try:
        await eventually(left)
    finally:
        await server.close()


@pytest.fixture
async def closing(engine: AsyncEngine) -> "asyncio.Task[None]":
    """A task that has begun to close four idle connections."""
    idle = IdleConnections(engine)
    await use(engine, at_once=4)
    await idle.close()
    task = asyncio.create_task(idle.close())
    await asyncio.sleep(0)
    return task


async def test_connection_taken_while_others_are_closed_is_not_lost(
    engine: AsyncEngine, closing: "asyncio.Task[None]", postgres_dsn: str
) -> None:
    await use(engine, at_once=2)
    await closing
    await engine.dispose()
    await ended_but(0, postgres_dsn)


async def test_cancellation_leaves_no_connection_open(
    engine: AsyncEngine, closing: "asyncio.Task[None]", postgres_dsn: str
) -> None:
    closing.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await closing
    await engine.dispose()
    await ended_but(0, postgres_dsn)
