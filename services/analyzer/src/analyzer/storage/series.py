"""Repository of time windows."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from analyzer.domain.model import Dimension
from analyzer.domain.series import COARSE, FINE, Extent, WindowKey
from analyzer.domain.streams.sums import Sums

# In key order, so that transactions cannot deadlock.
_ADD = text(
    """INSERT INTO analyzer.measured AS m (dimension_id, start, seconds, stream_id, n, total, squares)
       SELECT dimension_id, start, seconds, stream_id, n, total, CAST(squares AS numeric)
       FROM unnest(CAST(:dimension_id AS uuid[]), CAST(:start AS bigint[]), CAST(:seconds AS smallint[]),
                   CAST(:stream_id AS uuid[]), CAST(:n AS bigint[]), CAST(:total AS bigint[]),
                   CAST(:squares AS text[]))
         AS row (dimension_id, start, seconds, stream_id, n, total, squares)
       ORDER BY dimension_id, start, seconds, stream_id
       ON CONFLICT (dimension_id, start, seconds, stream_id) DO UPDATE
         SET n = m.n + EXCLUDED.n, total = m.total + EXCLUDED.total, squares = m.squares + EXCLUDED.squares"""
)
_TRY_LOCK = text("SELECT pg_try_advisory_xact_lock(hashtextextended('analyzer.measured', 11))")
_MERGE = text(
    f"""WITH old AS (DELETE FROM analyzer.measured WHERE seconds = {FINE} AND start < :before
                     RETURNING dimension_id, start, stream_id, n, total, squares)
        INSERT INTO analyzer.measured AS m (dimension_id, start, seconds, stream_id, n, total, squares)
        SELECT dimension_id, start - start % {COARSE} AS start, {COARSE}, stream_id, sum(n), sum(total), sum(squares)
        FROM old GROUP BY 1, 2, 4 ORDER BY 1, 2, 4
        ON CONFLICT (dimension_id, start, seconds, stream_id) DO UPDATE
          SET n = m.n + EXCLUDED.n, total = m.total + EXCLUDED.total, squares = m.squares + EXCLUDED.squares"""
)
_DELETE = text("DELETE FROM analyzer.measured WHERE start < :before")
# Gaps do not widen the windows.
_EXTENT = """SELECT min(start) AS start, max(start + seconds) AS "end", CAST(sum(n) AS bigint) AS n,
                    CAST(sum(least(gap, seconds * 12)) AS bigint) AS active,
                    count(*) AS rows, count(*) FILTER (WHERE gap > 0) AS moments
             FROM (SELECT start, seconds, n, lead(start, 1, start + seconds) OVER (ORDER BY start) - start AS gap"""
_RANGE_EXTENT = text(
    f"""{_EXTENT} FROM analyzer.measured
        WHERE dimension_id = :id AND start >= :since AND start < :until AND n > 0) AS kept"""
)
_LATEST_EXTENTS = text(
    f"""SELECT c.project, c.environment, c.target, c.metric, c.generation, recent.*
        FROM analyzer.dimension_histories AS c CROSS JOIN LATERAL (
          {_EXTENT} FROM (SELECT start, seconds, n FROM analyzer.measured WHERE dimension_id = c.dimension_id AND n > 0
                          ORDER BY start DESC LIMIT :looked) AS latest) AS kept
        ) AS recent
        WHERE c.project = :project AND c.environment = :environment AND recent.n > 0
          AND (CAST(:target AS text) IS NULL OR c.target = :target)
          AND (CAST(:metric AS text) IS NULL OR c.metric = :metric)"""
)
# A merged window is never returned as a shorter one.
_WINDOWS = text(
    """SELECT s.target, s.metric, s.prompt, s.identity, w.start, w.seconds, w.n, w.total, w.squares
       FROM unnest(CAST(:ids AS uuid[]), CAST(:widths AS int[]), CAST(:since AS bigint[])) AS d (id, width, since)
       CROSS JOIN LATERAL (
         SELECT start - start % greatest(seconds, width) AS start, greatest(seconds, width) AS seconds, stream_id,
                CAST(sum(n) AS bigint) AS n, CAST(sum(total) AS bigint) AS total, sum(squares) AS squares
         FROM analyzer.measured WHERE dimension_id = d.id AND start >= d.since AND start < :until
         GROUP BY 1, 2, 3 HAVING sum(n) > 0
       ) AS w
       JOIN analyzer.streams AS s ON s.id = w.stream_id
       ORDER BY s.target, s.metric, w.start, w.seconds, s.prompt, s.identity LIMIT :limit"""
)
FOREVER = 2**62
"""A Unix time after all others."""


class SeriesRepository:
    """The table `measured`, in the caller's transaction."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def add_windows(self, windows: Mapping[WindowKey, Sums]) -> None:
        """Add the sums of a batch."""
        if not windows:
            return
        ids = {
            stream: (stream.prompt_metric.dimension.id, stream.id) for stream in {window.stream for window in windows}
        }
        rows = [
            (ids[stream][0], start, seconds, ids[stream][1], sums.n, sums.total, str(sums.squares))
            for (stream, start, seconds), sums in windows.items()
        ]
        names = ("dimension_id", "start", "seconds", "stream_id", "n", "total", "squares")
        await self._conn.execute(_ADD, dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))

    async def compact(self, fine_since: float, kept_since: float) -> None:
        """Merge windows that start before `fine_since`, delete those before `kept_since` (Unix times).

        Does nothing while another instance does it.
        """
        if await self._conn.scalar(_TRY_LOCK):
            await self._conn.execute(_DELETE, {"before": int(kept_since)})
            await self._conn.execute(_MERGE, {"before": int(fine_since)})

    async def get_extent(self, dimension: Dimension, since: int, until: int) -> Extent | None:
        """Return the extent of `dimension` between two Unix times; None without values."""
        rows = await self._conn.execute(_RANGE_EXTENT, {"id": dimension.id, "since": since, "until": until})
        row = rows.one()
        return Extent(*row) if row.n else None

    async def list_recent(self, within: dict[str, str | None], n: int) -> dict[Dimension, Extent]:
        """Return the extent of the latest `n` windows of each dimension.

        `within` has project, environment, target and metric; None means all.
        """
        rows = await self._conn.execute(_LATEST_EXTENTS, {**within, "looked": n})
        return {Dimension(*row[:5]): Extent(*row[5:]) for row in rows}

    async def list_windows(
        self, requests: Sequence[tuple[UUID, int, int]], limit: int, until: int = FOREVER
    ) -> list[Row[Any]]:
        """Return at most `limit` windows, oldest first.

        A request is a dimension id, the seconds of a window and the Unix time of the first one.
        """
        ids, widths, since = zip(*requests, strict=True) if requests else ((), (), ())
        values = {"ids": list(ids), "widths": list(widths), "since": list(since), "limit": limit, "until": until}
        return list(await self._conn.execute(_WINDOWS, values))
