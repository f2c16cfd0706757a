"""Positions of consumers on PostgreSQL: up to which offset each has processed a partition."""

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.messaging.position_gaps import ABSENT, Gap, Partition


class PositionStatements:
    """Reads and writes positions in the caller's transaction; the SQL is that of one schema."""

    def __init__(self, schema: str) -> None:
        # Sorted, so that two instances can't deadlock; a position never decreases here.
        self._record = text(
            f"""WITH given AS (SELECT * FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS integer[]),
                                                   CAST(:offsets AS bigint[])) AS g(topic, partition, next_offset)),
                    previous AS (SELECT p.topic, p.partition, p.next_offset FROM {schema}.consumed_positions p
                               JOIN given g USING (topic, partition) WHERE p.consumer = :consumer),
                    recorded AS (INSERT INTO {schema}.consumed_positions AS p (consumer, topic, partition, next_offset)
                                 SELECT :consumer, topic, partition, next_offset FROM given ORDER BY topic, partition
                                 ON CONFLICT (consumer, topic, partition) DO UPDATE
                                 SET next_offset = greatest(p.next_offset, excluded.next_offset))
               SELECT topic, partition, next_offset FROM previous"""
        )
        self._read = text(
            f"SELECT topic, partition, next_offset FROM {schema}.consumed_positions WHERE consumer = :consumer"
        )
        self._insert = text(
            f"""INSERT INTO {schema}.consumed_positions
                 (consumer, topic, partition, next_offset, gap_first, gap_next, gap_lost, gap_found_at)
               VALUES (:consumer, :topic, :partition, :next_offset, :gap_first, :gap_next, :gap_lost,
                       CASE WHEN CAST(:gap_first AS bigint) IS NOT NULL THEN now() END)
               ON CONFLICT DO NOTHING RETURNING 1"""
        )
        self._replace = text(
            f"""UPDATE {schema}.consumed_positions
               SET next_offset = :next_offset,
                   gap_first = coalesce(:gap_first, gap_first), gap_next = coalesce(:gap_next, gap_next),
                   gap_lost = coalesce(:gap_lost, gap_lost),
                   gap_found_at = CASE WHEN CAST(:gap_first AS bigint) IS NULL THEN gap_found_at ELSE now() END
               WHERE consumer = :consumer AND topic = :topic AND partition = :partition
                 AND next_offset IS NOT DISTINCT FROM CAST(:expected AS bigint) RETURNING 1"""
        )

    async def record_positions(
        self, conn: AsyncConnection, consumer: str, offsets: Mapping[Partition, int]
    ) -> dict[Partition, int | None]:
        ordered = list(offsets)
        rows = await conn.execute(
            self._record,
            {
                "consumer": consumer,
                "topics": [topic for topic, _ in ordered],
                "partitions": [partition for _, partition in ordered],
                "offsets": [offsets[at] for at in ordered],
            },
        )
        return {(row.topic, row.partition): row.next_offset for row in rows}

    async def positions(self, conn: AsyncConnection, consumer: str) -> dict[Partition, int | None]:
        rows = await conn.execute(self._read, {"consumer": consumer})
        return {(row.topic, row.partition): row.next_offset for row in rows}

    async def replace_position(
        self, conn: AsyncConnection, consumer: str, at: Partition, expected: int | None, offset: int, gap: Gap | None
    ) -> bool:
        values = {
            "consumer": consumer,
            "topic": at[0],
            "partition": at[1],
            "next_offset": offset,
            "gap_first": None if gap is None else gap.first,
            "gap_next": None if gap is None else gap.next,
            "gap_lost": None if gap is None else gap.lost,
        }
        if expected == ABSENT:
            done = await conn.execute(self._insert, values)
        else:
            done = await conn.execute(self._replace, {**values, "expected": expected})
        return done.first() is not None
