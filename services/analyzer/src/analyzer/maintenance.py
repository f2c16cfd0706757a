"""Retention of time windows: merge after 6 hours, delete after 30 days."""

from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.domain.series import COARSE, FINE_FOR, KEPT_FOR, window_start
from analyzer.storage.series import SeriesRepository
from shared.runtime.clock import Clock

COMPACTION_S = 600.0
"""Seconds between two runs of `compact_windows`."""


async def compact_windows(engine: AsyncEngine, clock: Clock) -> None:
    """Merge and delete old windows once; only complete windows are merged."""
    now = clock.now().timestamp()
    async with engine.begin() as conn:
        await SeriesRepository(conn).compact(window_start(now - FINE_FOR, COARSE), now - KEPT_FOR)
