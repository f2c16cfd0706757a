"""The windows in the database: added to with a batch, put together when they are old, read for charts."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from analyzer.domain.model import Dimension
from analyzer.domain.series import COARSE, FINE, Extent, WindowKey
from analyzer.domain.streams.sums import Sums

# In the order of their keys, so that two transactions can't wait for each other.
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
_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtextextended('analyzer.measured', 11))")
_GATHER = text(
    f"""WITH old AS (DELETE FROM analyzer.measured WHERE seconds = {FINE} AND start < :before
                     RETURNING dimension_id, start, stream_id, n, total, squares)
        INSERT INTO analyzer.measured AS m (dimension_id, start, seconds, stream_id, n, total, squares)
        SELECT dimension_id, start - start % {COARSE} AS start, {COARSE}, stream_id, sum(n), sum(total), sum(squares)
        FROM old GROUP BY 1, 2, 4 ORDER BY 1, 2, 4
        ON CONFLICT (dimension_id, start, seconds, stream_id) DO UPDATE
          SET n = m.n + EXCLUDED.n, total = m.total + EXCLUDED.total, squares = m.squares + EXCLUDED.squares"""
)
_FORGET = text("DELETE FROM analyzer.measured WHERE start < :before")
# A day in which nothing came is no reason for wide windows.
_EXTENT = """SELECT min(start) AS start, max(start + seconds) AS "end", CAST(sum(n) AS bigint) AS n,
                    CAST(sum(least(gap, seconds * 12)) AS bigint) AS active,
                    count(*) AS rows, count(*) FILTER (WHERE gap > 0) AS moments
             FROM (SELECT start, seconds, n, lead(start, 1, start + seconds) OVER (ORDER BY start) - start AS gap"""
_SPAN = text(
    f"""{_EXTENT} FROM analyzer.measured
        WHERE dimension_id = :id AND start >= :since AND start < :until AND n > 0) AS kept"""
)
_RECENT = text(
    f"""SELECT c.project, c.environment, c.target, c.metric, c.generation, recent.*
        FROM analyzer.courses AS c CROSS JOIN LATERAL (
          {_EXTENT} FROM (SELECT start, seconds, n FROM analyzer.measured WHERE dimension_id = c.dimension_id AND n > 0
                          ORDER BY start DESC LIMIT :looked) AS latest) AS kept
        ) AS recent
        WHERE c.project = :project AND c.environment = :environment AND recent.n > 0
          AND (CAST(:target AS text) IS NULL OR c.target = :target)
          AND (CAST(:metric AS text) IS NULL OR c.metric = :metric)"""
)
# A window that was put together is never told as a shorter one.
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
"""A Unix time that nothing comes after."""


class SeriesStore:
    """The table `measured`, on the connection of the caller's transaction."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def add(self, windows: Mapping[WindowKey, Sums]) -> None:
        """Adds what a batch measured to what is there."""
        if not windows:
            return
        ids = {stream: (stream.line.dimension.id, stream.id) for stream in {place.stream for place in windows}}
        rows = [
            (ids[stream][0], start, seconds, ids[stream][1], sums.n, sums.total, str(sums.squares))
            for (stream, start, seconds), sums in windows.items()
        ]
        names = ("dimension_id", "start", "seconds", "stream_id", "n", "total", "squares")
        await self._conn.execute(_ADD, dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)))

    async def tidy(self, fine_since: float, kept_since: float) -> None:
        """Puts windows that begin before `fine_since` together, and forgets those before `kept_since` (Unix times).

        One instance at a time: another one has nothing to do.
        """
        if await self._conn.scalar(_ALONE):
            await self._conn.execute(_FORGET, {"before": int(kept_since)})
            await self._conn.execute(_GATHER, {"before": int(fine_since)})

    async def span(self, dimension: Dimension, since: int, until: int) -> Extent | None:
        """What there is of `dimension` between two Unix times."""
        rows = await self._conn.execute(_SPAN, {"id": dimension.id, "since": since, "until": until})
        row = rows.one()
        return Extent(*row) if row.n else None

    async def recent(self, within: dict[str, str | None], looked: int) -> dict[Dimension, Extent]:
        """The newest `looked` windows of each dimension of a project, environment, target and metric (None: all)."""
        rows = await self._conn.execute(_RECENT, {**within, "looked": looked})
        return {Dimension(*row[:5]): Extent(*row[5:]) for row in rows}

    async def windows(self, asked: Sequence[tuple[UUID, int, int]], limit: int, until: int = FOREVER) -> list[Row[Any]]:
        """At most `limit` windows, of each dimension's id with seconds of each and Unix time since; oldest first."""
        ids, widths, since = zip(*asked, strict=True) if asked else ((), (), ())
        values = {"ids": list(ids), "widths": list(widths), "since": list(since), "limit": limit, "until": until}
        return list(await self._conn.execute(_WINDOWS, values))
