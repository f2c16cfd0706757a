"""An analyzer without Kafka: messages are delivered directly, events are read from its outbox."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.domain.watch_rules import Rules
from analyzer.erasures import erasure_handler
from analyzer.handlers import Handlers
from shared.events import CATALOG, Envelope
from shared.events.base import Event
from shared.events.erasure import ErasureRequested
from shared.messaging.dead_letter_writer import DeadLetterBudget
from shared.messaging.delivery import Delivery
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.sql_store import SqlStore
from shared.runtime.prometheus_metrics import Metrics
from shared.testing.clock import FakeClock
from tests.support.messaging import record


class Analyzer:
    """One instance; several may share a database."""

    def __init__(self, engine: AsyncEngine) -> None:
        clock = FakeClock()
        self.engine = engine
        self.store = SqlStore(engine, "analyzer")
        subjects = ErasedSubjects("analyzer")
        self.handlers = Handlers(Rules(), subjects, clock, "ratchet/analyzer")
        self.delivery = Delivery(
            "analyzer.quality",
            self.handlers.subscriptions()[0],
            self.store,
            clock,
            Metrics("analyzer"),
            DeadLetterBudget(60),
        )

        self.erasures = Delivery(
            "analyzer.erasures",
            erasure_handler(subjects, clock).subscription(),
            self.store,
            clock,
            Metrics("analyzer"),
            DeadLetterBudget(60),
        )

    async def erase(self, sent: Envelope[ErasureRequested]) -> None:
        """Deliver a request to erase a user."""
        await self.erasures.process([record(sent, 0)])

    async def deliver(self, sent: Sequence[Envelope[Event]]) -> None:
        """Deliver the messages of one poll."""
        await self.delivery.process([record(envelope, offset) for offset, envelope in enumerate(sent)])

    async def emitted(self, topic: str) -> list[Any]:
        """Return the events of a topic in the outbox, oldest first."""
        async with self.engine.connect() as conn:
            statement = text("SELECT payload FROM analyzer.outbox_messages WHERE topic = :topic ORDER BY id, n")
            rows = await conn.execute(statement, {"topic": topic})
            return [CATALOG[f"ratchet.{topic}.v1"].model_validate_json(row.payload) for row in rows]

    async def rows(self, sql: str) -> list[Any]:
        """Return the rows of a query."""
        async with self.engine.connect() as conn:
            return list(await conn.execute(text(sql)))
