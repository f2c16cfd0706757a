"""An evaluator without Kafka and HTTP: messages are delivered directly, events are read from its outbox."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.bisection_service import BisectionLimits, BisectionService
from evaluator.domain.task_answers import StoredAnswer
from evaluator.domain.worker_requests import LeasedTask, LeaseRequest, LeaseToken, TaskReport
from evaluator.erasures import CaseErasure
from evaluator.handlers import Handlers
from evaluator.run_judges import ProposalJudging
from evaluator.run_service import RunService
from evaluator.storage.set_cache import PublishedSetCache
from evaluator.storage.tables import cases, datasets, versions
from evaluator.storage.tasks import TaskRepository
from ratchet.prompt.canonical import canonical_bytes
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.golden_set import GoldenSet
from shared.events import CATALOG, Envelope
from shared.events.base import Event
from shared.events.evaluation import EvaluationRequested
from shared.messaging.dead_letter_writer import DeadLetterBudget
from shared.messaging.delivery import Delivery
from shared.messaging.erased_subjects import ErasedSubjects
from shared.messaging.sql_store import SqlStore
from shared.runtime.prometheus_metrics import Metrics
from shared.testing.clock import FakeClock
from tests.support.evaluation import BASELINE, CANDIDATE
from tests.support.messaging import NOW, record

SCOPE = ("acme", "production")
TARGET, PROMPT = "support-bot", "answer"
Respond = Callable[[LeasedTask], Any]


def requested(**fields: Any) -> EvaluationRequested:
    """Return the request of an evaluation of a restore of BASELINE by CANDIDATE."""
    return EvaluationRequested(
        **{
            "project": SCOPE[0],
            "environment": SCOPE[1],
            "target": TARGET,
            "proposal_id": uuid4(),
            "revision": 1,
            "kind": "restore",
            "name": PROMPT,
            "base_digest": BASELINE.digest,
            "base": BASELINE.to_dict(),
            "digest": CANDIDATE.digest,
            "document": CANDIDATE.to_dict(),
            **fields,
        }
    )


class Evaluator:
    """One instance of the evaluator; several may share a database and a clock."""

    def __init__(self, engine: AsyncEngine, clock: FakeClock | None = None, ahead: int = 16) -> None:
        self.engine = engine
        self.clock = clock or FakeClock(NOW)
        self.store = SqlStore(engine, "evaluator")
        self.opened = 0
        self._sets = PublishedSetCache()
        self._ahead = ahead
        self.judge_proposals(None)
        self.limit_bisections(3000)
        metrics, cap = Metrics("evaluator"), DeadLetterBudget(60)
        erasure = CaseErasure(ErasedSubjects("evaluator"), self.clock, "ratchet/evaluator")
        self._deliveries = {
            event: Delivery(f"evaluator.{s.name}", s, self.store, self.clock, metrics, cap)
            for s in (*Handlers(self.clock, repeats=1).subscriptions(), erasure.subscription())
            for event in s.events
        }

    def judge_proposals(self, judging: ProposalJudging | None) -> None:
        """Let these judges score the answers of proposals' evaluations, too."""
        self.service = RunService(
            self.store, self.clock, "ratchet/evaluator", self._sets, self._ahead, self._on_open, judging
        )

    def limit_bisections(self, answers: int) -> None:
        """Let bisections ask for at most about so many answers."""
        limits = BisectionLimits(1, answers)
        self.bisections = BisectionService(self.store, self.clock, "ratchet/evaluator", self._sets, limits)

    def _on_open(self) -> None:
        self.opened += 1

    async def deliver(self, *events: Event) -> None:
        """Deliver events of one topic as in one poll of Kafka, each as a separate message."""
        sent = [Envelope(uuid4(), self.clock.now(), "test", event, "correlation") for event in events]
        delivery = self._deliveries[type(events[0])]
        await delivery.process([record(envelope, offset) for offset, envelope in enumerate(sent)])

    async def publish(self, golden_set: GoldenSet, name: str = "cases", version: int = 1) -> None:
        """Publish a version of a dataset of the target."""
        scope, now = {"project": SCOPE[0], "environment": SCOPE[1], "target": TARGET}, self.clock.now()
        by = {"created_at": now, "created_by": "ann", "description": ""}
        lines = [canonical_bytes(case.to_json()) for case in golden_set.cases]
        counts = {"cases": len(lines), "clusters": len(golden_set.clusters), "protected": 0}
        content = {"content": b"\n".join(lines), "manifest": "{}", "published_by": "ann", "published_at": now}
        row = {**scope, "dataset": name, "version": version, "digest": golden_set.digest, **counts, **content}
        async with self.engine.begin() as conn:
            await conn.execute(insert(datasets).values(**scope, **by, name=name).on_conflict_do_nothing())
            await conn.execute(insert(versions).values(row))

    async def add_rejected(self, case: GoldenCase, name: str = "cases") -> None:
        """Add a case to a dataset that a person rejected."""
        key = {"project": SCOPE[0], "environment": SCOPE[1], "dataset": name, "case_id": case.id}
        content = {"digest": case.digest, "document": canonical_bytes(case.to_json()).decode()}
        review = {"state": "rejected", "reviewed_at": NOW, "reviewed_by": "ann", "added_at": NOW, "added_by": "ann"}
        async with self.engine.begin() as conn:
            await conn.execute(insert(cases).values(**key, **content, **review))

    async def lease(
        self, limit: int = 8, worker: str = "worker", prompts: tuple[str, ...] | None = None
    ) -> list[LeasedTask]:
        request = LeaseRequest(*SCOPE, worker, prompts, limit)
        async with self.store.begin() as tx:
            return await TaskRepository(tx.conn).lease(request, self.clock.now())

    async def extend(self, tasks: Iterable[LeasedTask]) -> list[UUID]:
        leases = [LeaseToken(task.task_id, task.token) for task in tasks]
        async with self.store.begin() as tx:
            return await TaskRepository(tx.conn).extend(leases, SCOPE, self.clock.now())

    async def answer(self, tasks: Sequence[LeasedTask], respond: Respond) -> list[str]:
        """Answer leased tasks with what `respond` returns; return what became of each answer."""
        reports = [
            TaskReport(LeaseToken(task.task_id, task.token), StoredAnswer(respond(task), ms=1.0)) for task in tasks
        ]
        async with self.store.begin() as tx:
            return list(await TaskRepository(tx.conn).answer(reports, SCOPE, self.clock.now()))

    async def run_to_end(self, respond: Respond) -> None:
        """Lease, answer and advance until no task is left."""
        await self._advance()
        while tasks := await self.lease():
            await self.answer(tasks, respond)
            await self._advance()

    async def _advance(self) -> None:
        """Advance evaluations and bisections until nothing changes without another answer."""
        await self.service.advance_all()
        while await self.bisections.advance_all():
            await self.service.advance_all()

    async def emitted(self) -> list[Any]:
        """Return the events in the outbox, oldest first."""
        rows = await self.rows("SELECT topic, payload FROM evaluator.outbox_messages ORDER BY id, n")
        return [CATALOG[f"ratchet.{row.topic}.v1"].model_validate_json(row.payload) for row in rows]

    async def rows(self, sql: str) -> list[Any]:
        """Return the rows of a query."""
        async with self.engine.connect() as conn:
            return list(await conn.execute(text(sql)))

    async def evaluations(self) -> list[Any]:
        """Return all evaluations, oldest first."""
        return await self.rows("SELECT * FROM evaluator.evaluations ORDER BY requested_at, id")

    async def reports(self) -> list[dict[str, Any]]:
        """Return the contents of all reports."""
        return [json.loads(row.content) for row in await self.rows("SELECT content FROM evaluator.evaluation_reports")]


def better(task: LeasedTask) -> str:
    """Answer rightly with the candidate only."""
    return "yes" if task.arm == "candidate" else "no"
