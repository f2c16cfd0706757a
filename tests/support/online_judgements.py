"""Online judging without Kafka and HTTP: handlers and service on one database, with a judge that is a function."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.domain.online_judgements import JudgingRule, RegisteredJudge, TargetScopeKey
from evaluator.judge_service import JudgeService, JudgeTools
from evaluator.judging_handlers import JudgingHandlers
from evaluator.storage.judges import JudgeRepository
from evaluator.storage.tables import keys
from ratchet.signing import secret_hash
from ratchet_evaluation.domain.evaluators.definition import UnknownScore
from ratchet_evaluation.domain.judges.definition import JudgeDefinition
from ratchet_evaluation.domain.judges.judged_text import JudgedText
from ratchet_evaluation.domain.judges.spend import BudgetExceeded, SpendLedger, TokenPrices
from ratchet_evaluation.endpoints.model_endpoint import ModelEndpoint
from shared.events import CATALOG
from shared.events.base import Event
from shared.events.feedback import ExecutionFacts, ExecutionRecorded, FeedbackCreated
from shared.messaging.cloudevents import Received
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.sql_store import SqlStore
from shared.testing.clock import FakeClock
from tests.support.judges import rubric_judge
from tests.support.messaging import NOW

BOT = TargetScopeKey("acme", "production", "bot")
ANCHORS = (JudgedText("a", "good answer"), JudgedText("b", "bad answer"))


class FakeJudge:
    """Gives what `respond` returns for a text; each call uses 100 tokens."""

    def __init__(self, respond: Callable[[JudgedText], float]) -> None:
        self.respond = respond
        self.judged: list[JudgedText] = []
        self.before_reply: Callable[[], Awaitable[object]] = lambda: asyncio.sleep(0)

    async def score(self, definition: JudgeDefinition, judged: JudgedText, ledger: SpendLedger) -> float:
        try:
            reserved = await ledger.reserve_call(100, 100)
        except BudgetExceeded as error:
            raise UnknownScore(str(error)) from None
        await self.before_reply()
        self.judged.append(judged)
        ledger.record_call(reserved, (90, 10))
        return self.respond(judged)


class Judging:
    """The handlers and the service of online judging, on one database."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine, self.clock = engine, FakeClock(NOW)
        self.store = SqlStore(engine, "evaluator")
        self.judge = FakeJudge(lambda judged: 0.75)
        endpoint = ModelEndpoint("http://judge.test/v1", "m", prices=TokenPrices(1.0, 2.0))
        self.tools = JudgeTools(endpoint, {"rubric": self.judge}, {"judge": "s"})
        self.service = JudgeService(self.store, self.clock, "ratchet/evaluator", self.tools)
        self.queued = 0
        subjects = ErasedSubjects("evaluator")
        self.handlers = JudgingHandlers(self.clock, subjects, self._on_queued)

    def _on_queued(self) -> None:
        self.queued += 1

    async def set_up(self, definition: JudgeDefinition | None = None, **rule: Any) -> None:
        """Register a judge and a rule of the target, and a key of the environment."""
        judge = RegisteredJudge(
            "acme", "production", definition or rubric_judge(), rule.pop("anchors", ()), "helpful", NOW, "ann"
        )
        async with self.store.begin() as tx:
            await JudgeRepository(tx.conn).save_judge(judge)
            await JudgeRepository(tx.conn).save_rule(JudgingRule(BOT, "helpful", **{"rate": 1.0, **rule}), NOW, "ann")
            row = {"key_id": "judge", "revision": 1, "secret_hash": secret_hash("s"), "subject": "judge"}
            more = {"subject_kind": "service", "project": "acme", "environment": "production", "revoked": False}
            if not await tx.conn.scalar(text("SELECT count(*) FROM evaluator.api_keys WHERE key_id = 'judge'")):
                await tx.conn.execute(insert(keys).values(**row, **more, scopes=["ingest"]))

    async def receive(self, *events: Event) -> None:
        found: list[Received[Any]] = [_received(event, self.clock.now()) for event in events]
        async with self.store.begin() as tx:
            if isinstance(events[0], ExecutionRecorded):
                await self.handlers.on_executions(tx, found)
            else:
                await self.handlers.on_feedback(tx, found)

    async def judge_all(self) -> int:
        count = 0
        while await self.service.judge_next():
            count += 1
        return count

    async def rows(self, sql: str) -> list[Any]:
        async with self.engine.connect() as conn:
            return list(await conn.execute(text(sql)))

    async def emitted(self, topic: str) -> list[Any]:
        """Return the events of a topic in the outbox, oldest first."""
        rows = await self.rows("SELECT topic, payload FROM evaluator.outbox_messages ORDER BY id, n")
        return [CATALOG[f"ratchet.{topic}.v1"].model_validate_json(row.payload) for row in rows if row.topic == topic]


def _received(event: Event, at: datetime) -> Received[Any]:
    return Received(event, uuid4(), at, "test", "correlation", None, None, event.topic, 0, 0)


def executed(number: int, **fields: Any) -> ExecutionRecorded:
    given: dict[str, Any] = {
        "execution_id": f"e{number}", "input": f"Question {number}?", "output": f"Answer {number}.",
        "occurred_at": NOW + timedelta(seconds=number), **fields.pop("facts", {}),
    }  # fmt: skip
    return ExecutionRecorded(
        **{
            "project": "acme", "environment": "production", "target": "bot", "facts": ExecutionFacts(**given),
            "received_at": NOW, **fields,
        }
    )  # fmt: skip


def said(number: int, value: float, **fields: Any) -> FeedbackCreated:
    """Return a person's thumb about `executed(number)`."""
    facts = ExecutionFacts(execution_id=f"e{number}", occurred_at=NOW)
    given: dict[str, Any] = {"feedback_id": uuid4(), "kind": "thumb", "value": value, "execution": facts}
    about: dict[str, Any] = {"project": "acme", "environment": "production", "target": "bot"}
    return FeedbackCreated(**{**about, **given, "occurred_at": NOW, "received_at": NOW, **fields})
