"""What becomes of old windows: put together after six hours, forgotten after thirty days."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.domain.series import COARSE, FINE_FOR, KEPT_FOR, aligned
from analyzer.storage.series import SeriesStore
from shared.runtime.clock import Clock

_EVERY_S = 600.0


async def compact_windows(engine: AsyncEngine, clock: Clock) -> None:
    """One round. Only windows that are over are put together."""
    now = clock.now().timestamp()
    async with engine.begin() as conn:
        await SeriesStore(conn).tidy(aligned(now - FINE_FOR, COARSE), now - KEPT_FOR)


async def compact_periodically(engine: AsyncEngine, clock: Clock) -> None:
    """`tidy` every ten minutes."""
    while True:
        await asyncio.sleep(_EVERY_S)
        await compact_windows(engine, clock)
