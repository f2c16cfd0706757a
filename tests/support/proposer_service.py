"""A proposer without Kafka: messages are delivered directly, events are read from its outbox."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from proposer.domain.model import PromptKey
from proposer.domain.prompt_homes import PromptHome
from proposer.erasures import erasure_handler
from proposer.handlers import Handlers
from proposer.instruction_service import DraftRules, InstructionService
from proposer.maintenance import end_waits_for_verdicts, expire_drafts, expire_stale_candidates, propose_grown_sets
from proposer.proposal_service import ProposalService
from proposer.pull_request_log import PullRequestLog
from shared.events import CATALOG, Envelope
from shared.events.base import Event
from shared.events.bisection import BisectionRequested
from shared.messaging.dead_letter_writer import DeadLetterBudget
from shared.messaging.delivery import Delivery
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.sql_store import SqlStore
from shared.runtime.prometheus_metrics import Metrics
from shared.testing.clock import FakeClock
from tests.support.messaging import record
from tests.support.proposer import NOW


class Proposer:
    """One instance of the proposer; several may share a database."""

    def __init__(
        self,
        engine: AsyncEngine,
        start: datetime = NOW,
        rules: DraftRules | None = None,
        homes: Mapping[PromptKey, PromptHome] | None = None,
    ) -> None:
        self.engine = engine
        self.clock = FakeClock(start)
        self.store = SqlStore(engine, "proposer")
        recorded = PullRequestLog(self.clock, homes or {})
        self.service = ProposalService(self.clock, "ratchet/proposer", pull_requests=recorded)
        self.instructions = InstructionService(self.service, self.clock, rules or DraftRules())
        subjects = ErasedSubjects("proposer")
        erasures = erasure_handler(self.service, subjects, self.clock)
        subscriptions = (
            *Handlers(self.service, self.instructions, subjects, self.clock).subscriptions(),
            erasures.subscription(),
        )
        metrics, cap = Metrics("proposer"), DeadLetterBudget(60)
        self._deliveries = {
            event: Delivery(f"proposer.{s.name}", s, self.store, self.clock, metrics, cap)
            for s in subscriptions
            for event in s.events
        }

    async def deliver(self, *events: Event) -> None:
        """Deliver events of one topic as in one poll of Kafka, each as a separate message."""
        await self.deliver_envelopes(
            [Envelope(uuid4(), self.clock.now(), "test", event, "correlation") for event in events]
        )

    async def deliver_envelopes(self, sent: Sequence[Envelope[Event]]) -> None:
        """Deliver messages of one topic."""
        delivery = self._deliveries[type(sent[0].event)]
        await delivery.process([record(envelope, offset) for offset, envelope in enumerate(sent)])

    async def expire(self) -> None:
        """Run the periodic jobs once."""
        await expire_stale_candidates(self.store, self.service, self.clock)
        await end_waits_for_verdicts(self.store, self.service, self.clock)
        await propose_grown_sets(self.store, self.service)
        await expire_drafts(self.store, self.clock)

    async def emitted(self) -> list[Any]:
        """Return the events in the outbox, oldest first, without requests of bisections."""
        return [event for event in await self._outbox() if not isinstance(event, BisectionRequested)]

    async def requested_bisections(self) -> list[BisectionRequested]:
        """Return the requests of bisections in the outbox, oldest first."""
        return [event for event in await self._outbox() if isinstance(event, BisectionRequested)]

    async def _outbox(self) -> list[Any]:
        async with self.engine.connect() as conn:
            rows = await conn.execute(text("SELECT topic, payload FROM proposer.outbox_messages ORDER BY id, n"))
            return [CATALOG[f"ratchet.{row.topic}.v1"].model_validate_json(row.payload) for row in rows]

    async def drain_emitted(self) -> list[Any]:
        """Return the events in the outbox and delete them."""
        found = await self.emitted()
        async with self.engine.begin() as conn:
            await conn.execute(text("DELETE FROM proposer.outbox"))
        return found

    async def rows(self, sql: str) -> list[Any]:
        """Return the rows of a query."""
        async with self.engine.connect() as conn:
            return list(await conn.execute(text(sql)))
