"""What becomes of old windows: put together after six hours, forgotten after thirty days."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.series.store import SeriesStore
from analyzer.series.windows import COARSE, FINE_FOR, KEPT_FOR, aligned
from shared.runtime.clock import Clock

_EVERY_S = 600.0


async def tidy(engine: AsyncEngine, clock: Clock) -> None:
    """One round. Only windows that are over are put together."""
    now = clock.now().timestamp()
    async with engine.begin() as conn:
        await SeriesStore(conn).tidy(aligned(now - FINE_FOR, COARSE), now - KEPT_FOR)


async def tidy_forever(engine: AsyncEngine, clock: Clock) -> None:
    """`tidy` every ten minutes."""
    while True:
        await asyncio.sleep(_EVERY_S)
        await tidy(engine, clock)
