"""Statistics for operators: what a service sends, consumes and has parked, by topic."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping, TextClause, text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.messaging.bus import Bus
from shared.messaging.packed_messages import ID_BYTES
from shared.messaging.sql_dead_letters import VISIBLE_LETTERS
from shared.messaging.topics import topics_written_by
from shared.runtime.prometheus_metrics import Metrics
from shared.runtime.settings import ServiceSettings


class TopicStats:
    """Statistics of one instance.

    Counts and rates are those of the instance, lags those of the partitions that it reads, unsent messages those of
    the whole service. Dead letters are those that the viewer may see: see `VISIBLE_LETTERS`.
    """

    def __init__(
        self, settings: ServiceSettings, engine: AsyncEngine, bus: Bus, metrics: Metrics, started: datetime
    ) -> None:
        self._service = settings.service
        self._instance = settings.instance
        self._started = started
        self._engine = engine
        self._bus = bus
        self._metrics = metrics
        self._unsent = text(
            f"""SELECT topic, sum(octet_length(event_ids) / {ID_BYTES} - sent) AS unsent, min(created_at) AS oldest
                FROM {self._service}.outbox WHERE sent_at IS NULL GROUP BY topic"""
        )
        self._parked = text(
            f"""SELECT topic, consumer, count(*) AS parked, min(parked_at) AS oldest FROM {self._service}.dead_letters
                WHERE status = 'parked' AND {VISIBLE_LETTERS} GROUP BY topic, consumer ORDER BY topic, consumer"""
        )
        self._gaps = text(
            f"""SELECT consumer, topic, partition, gap_first, gap_next, gap_lost, gap_found_at
                FROM {self._service}.consumed_positions WHERE gap_found_at IS NOT NULL
                ORDER BY gap_found_at DESC, consumer, topic, partition"""
        )

    async def snapshot(self, viewer: Mapping[str, object]) -> dict[str, Any]:
        """Return `{instance, since, topics, consumers, dead_letters, gaps}`. Times are ISO 8601, rates per second.

        `sent` counts since `since`. A rate covers the last 55 to 60 s, or the time since `since` if that is shorter; it
        is null in the first five seconds. `lag` is measured every five seconds; it is null before the first
        measurement and while Kafka does not answer. `oldest_unprocessed_at` comes from Kafka's timestamps: the message
        was sent then or a little later; null if no message waits or its time is unknown. A gap was found when the
        database was older than Kafka's offsets: the events from offset `first` up to `next` were read again, except
        the first `lost`, which Kafka had deleted.
        """
        unsent = {row["topic"]: row for row in await self._rows(self._unsent)}
        names = sorted(topics_written_by(self._service) | set(unsent) | set(self._metrics.sent.totals))
        return {
            "instance": self._instance,
            "since": self._started.isoformat(),
            "topics": [self._topic(name, unsent.get(name)) for name in names],
            "consumers": [self._consumer(*pair) for pair in sorted(self._bus.subscribed)],
            "dead_letters": [_parked(row) for row in await self._rows(self._parked, viewer)],
            "gaps": [_gap(row) for row in await self._rows(self._gaps)],
        }

    async def _rows(self, statement: TextClause, given: Mapping[str, object] | None = None) -> Sequence[RowMapping]:
        async with self._engine.connect() as conn:
            return (await conn.execute(statement, given)).mappings().all()

    def _topic(self, name: str, waiting: RowMapping | None) -> dict[str, Any]:
        return {
            "topic": name,
            "rate_per_s": self._metrics.sent.per_second(name),
            "sent": self._metrics.sent.totals[name],
            "unsent": 0 if waiting is None else waiting["unsent"],
            "oldest_unsent_at": None if waiting is None else waiting["oldest"].isoformat(),
        }

    def _consumer(self, consumer: str, topic: str) -> dict[str, Any]:
        standing = self._bus.lag(consumer, topic)
        oldest = None if standing is None else standing.oldest
        return {
            "consumer": consumer,
            "topic": topic,
            "rate_per_s": self._metrics.processed.per_second((consumer, topic)),
            "lag": None if standing is None else standing.lag,
            "oldest_unprocessed_at": None if oldest is None else datetime.fromtimestamp(oldest, UTC).isoformat(),
            "paused": self._bus.deliveries[consumer].paused,
        }


def _parked(row: RowMapping) -> dict[str, Any]:
    return {
        "topic": row["topic"],
        "consumer": row["consumer"],
        "parked": row["parked"],
        "oldest_parked_at": row["oldest"].isoformat(),
    }


def _gap(row: RowMapping) -> dict[str, Any]:
    return {
        "consumer": row["consumer"],
        "topic": row["topic"],
        "partition": row["partition"],
        "first": row["gap_first"],
        "next": row["gap_next"],
        "lost": row["gap_lost"],
        "found_at": row["gap_found_at"].isoformat(),
    }
