"""Retention of time windows: merge after 6 hours, delete after 30 days."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.domain.series import COARSE, FINE_FOR, KEPT_FOR, aligned
from analyzer.storage.series import SeriesStore
from shared.runtime.clock import Clock

_EVERY_S = 600.0


async def compact_windows(engine: AsyncEngine, clock: Clock) -> None:
    """Merge and delete old windows once; only complete windows are merged."""
    now = clock.now().timestamp()
    async with engine.begin() as conn:
        await SeriesStore(conn).compact(aligned(now - FINE_FOR, COARSE), now - KEPT_FOR)


async def compact_periodically(engine: AsyncEngine, clock: Clock) -> None:
    """Run `compact_windows` every 10 minutes until cancelled."""
    while True:
        await asyncio.sleep(_EVERY_S)
        await compact_windows(engine, clock)
