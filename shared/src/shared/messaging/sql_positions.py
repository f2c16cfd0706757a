"""Positions of consumers on PostgreSQL."""

from collections.abc import Mapping

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.messaging.consumed_positions import ABSENT, Gap, Partition


class PositionStatements:
    """All SQL of positions, for one schema."""

    def __init__(self, schema: str) -> None:
        def sql(statement: str) -> TextClause:
            return text(statement.replace("{s}", schema))

        # Sorted, so that two instances can't lock each other out; a position never goes back here.
        self.record = sql(
            """WITH given AS (SELECT * FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS integer[]),
                                                   CAST(:offsets AS bigint[])) AS g(topic, partition, next_offset)),
                    former AS (SELECT p.topic, p.partition, p.next_offset FROM {s}.consumed_positions p
                               JOIN given g USING (topic, partition) WHERE p.consumer = :consumer),
                    recorded AS (INSERT INTO {s}.consumed_positions AS p (consumer, topic, partition, next_offset)
                                 SELECT :consumer, topic, partition, next_offset FROM given ORDER BY topic, partition
                                 ON CONFLICT (consumer, topic, partition) DO UPDATE
                                 SET next_offset = greatest(p.next_offset, excluded.next_offset))
               SELECT topic, partition, next_offset FROM former"""
        )
        self.read = sql("SELECT topic, partition, next_offset FROM {s}.consumed_positions WHERE consumer = :consumer")
        self.insert = sql(
            """INSERT INTO {s}.consumed_positions
                 (consumer, topic, partition, next_offset, gap_first, gap_next, gap_lost, gap_found_at)
               VALUES (:consumer, :topic, :partition, :next_offset, :gap_first, :gap_next, :gap_lost,
                       CASE WHEN CAST(:gap_first AS bigint) IS NOT NULL THEN now() END)
               ON CONFLICT DO NOTHING RETURNING 1"""
        )
        self.replace = sql(
            """UPDATE {s}.consumed_positions
               SET next_offset = :next_offset,
                   gap_first = coalesce(:gap_first, gap_first), gap_next = coalesce(:gap_next, gap_next),
                   gap_lost = coalesce(:gap_lost, gap_lost),
                   gap_found_at = CASE WHEN CAST(:gap_first AS bigint) IS NULL THEN gap_found_at ELSE now() END
               WHERE consumer = :consumer AND topic = :topic AND partition = :partition
                 AND next_offset IS NOT DISTINCT FROM CAST(:former AS bigint) RETURNING 1"""
        )

    async def record_positions(
        self, conn: AsyncConnection, consumer: str, offsets: Mapping[Partition, int]
    ) -> dict[Partition, int | None]:
        ordered = list(offsets)
        rows = await conn.execute(
            self.record,
            {
                "consumer": consumer,
                "topics": [topic for topic, _ in ordered],
                "partitions": [partition for _, partition in ordered],
                "offsets": [offsets[at] for at in ordered],
            },
        )
        return {(row.topic, row.partition): row.next_offset for row in rows}

    async def positions(self, conn: AsyncConnection, consumer: str) -> dict[Partition, int | None]:
        rows = await conn.execute(self.read, {"consumer": consumer})
        return {(row.topic, row.partition): row.next_offset for row in rows}

    async def replace_position(
        self, conn: AsyncConnection, consumer: str, at: Partition, former: int | None, offset: int, gap: Gap | None
    ) -> bool:
        given = {
            "consumer": consumer,
            "topic": at[0],
            "partition": at[1],
            "next_offset": offset,
            "gap_first": None if gap is None else gap.first,
            "gap_next": None if gap is None else gap.next,
            "gap_lost": None if gap is None else gap.lost,
        }
        if former == ABSENT:
            done = await conn.execute(self.insert, given)
        else:
            done = await conn.execute(self.replace, {**given, "former": former})
        return done.first() is not None
