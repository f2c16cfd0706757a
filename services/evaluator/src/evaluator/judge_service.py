"""Judges executions and anchors from the queue, within budgets, and submits scores as feedback."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from evaluator.domain.online_judgements import (
    JudgingRule,
    NewJudgement,
    TargetScopeKey,
    feedback_body,
)
from evaluator.judge_anchors import queue_anchors_after_score, queue_due_anchors
from evaluator.judge_budget import JudgementLedger
from evaluator.storage.evaluations import EvaluationRunRepository
from evaluator.storage.judgement_spend import JudgementCounts, JudgementSpendRepository
from evaluator.storage.judgements import JudgementRepository, LeasedJudgement
from evaluator.storage.judges import JudgeRepository
from evaluator.storage.submission_keys import find_submission_keys
from ratchet.signing import secret_hash, submission_signature
from ratchet_evaluation.domain.judges.definition import JudgeDefinition, JudgeMethod
from ratchet_evaluation.domain.judges.spend import SpendLedger
from ratchet_evaluation.endpoints.model_endpoint import ModelEndpoint
from ratchet_evaluation.judges.panel import JudgePanel, JudgeScore
from ratchet_evaluation.judges.rubric_judge import Judge
from shared.events import Envelope, derived_id
from shared.events.evaluation import JudgeAnchored
from shared.events.feedback import FeedbackSubmitted
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Tx
from shared.runtime.clock import Clock

POLL_S = 5.0
"""Seconds until what other instances queued is seen."""
RESULTS_KEPT = timedelta(days=90)
Scope = tuple[str, str]


@dataclass(frozen=True)
class JudgeTools:
    """What judges need to work: the endpoint, the judge of each method, and API keys for submitting their scores."""

    endpoint: ModelEndpoint
    methods: Mapping[JudgeMethod, Judge]
    api_keys: Mapping[str, str]
    """Key id → secret."""


class JudgeService:
    """Judges what is queued. `tools` is None where no endpoint is configured: then nothing is judged."""

    def __init__(
        self,
        store: SqlStore,
        clock: Clock,
        source: str,
        tools: JudgeTools | None,
        on_judged: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_judged` is called after an answer of an evaluation was judged."""
        self._on_judged = on_judged
        self._store, self._clock, self._source, self._tools = store, clock, source, tools
        self._event = asyncio.Event()
        self._exhausted: dict[TargetScopeKey, datetime] = {}
        """Targets whose next call may exceed a limit, and the day of it."""

    @property
    def available(self) -> bool:
        """Whether an endpoint is configured."""
        return self._tools is not None

    def notify(self) -> None:
        """Look at the queue now: something was added."""
        self._event.set()

    async def run(self) -> None:
        """Judge until cancelled. Raises errors of the database."""
        if self._tools is None:
            return
        async with asyncio.TaskGroup() as group:
            for _ in range(self._tools.endpoint.concurrency):
                group.create_task(self._work())

    async def _work(self) -> None:
        while True:
            self._event.clear()
            while await self.judge_next():
                pass
            with suppress(TimeoutError):
                await asyncio.wait_for(self._event.wait(), POLL_S)

    async def judge_next(self) -> bool:
        """Judge the next text in the queue; return False if there is none that may be judged."""
        now = self._clock.now()
        today = midnight(now)
        async with self._store.begin() as tx:
            rules = await JudgeRepository(tx.conn).list_rules()
            blocked = {rule.scope: reason for rule in rules if (reason := await self.idle_reason(tx, rule))}
            leased = await JudgementRepository(tx.conn).lease(now, today, blocked)
            if leased is None:
                return False
            scope = leased.judgement.scope
            judge = await _judge_of(tx, leased.judgement)
            ledger = self._ledger(leased.judgement, rules, today)
        score = await self._score(judge, leased, ledger)
        is_refused = ledger.refused and score.value is None and not ledger.spend.calls
        if is_refused and (ledger.may_return or leased.judgement.purpose != "run"):
            if not ledger.may_return:
                self._exhausted[scope] = today
            async with self._store.begin() as tx:
                await JudgementRepository(tx.conn).release(leased.judgement.id)
            return not ledger.may_return
        async with self._store.begin() as tx:
            await self._finish(tx, leased.judgement, score, ledger)
        return True

    async def idle_reason(self, tx: Tx, rule: JudgingRule) -> str | None:
        """Return why nothing of a target is judged now; None if it can be."""
        if self._tools is None:
            return "no judge's endpoint is configured: RATCHET_JUDGE_URL"
        if rule.rate <= 0.0:
            return "the rate is 0"
        scope = (rule.scope.project, rule.scope.environment)
        if scope not in await find_submission_keys(tx.conn, list(self._tools.api_keys)):
            return "the evaluator has no API key of this environment with the scope ingest: RATCHET_API_KEYS"
        today = midnight(self._clock.now())
        if self._exhausted.get(rule.scope) == today:
            return "today's budget is used up: the next call may exceed it"
        return used_up(rule, await JudgementSpendRepository(tx.conn).count_of_target(rule.scope, today))

    async def queue_due_anchors(self) -> None:
        """Queue the anchors that are due by the clock."""
        async with self._store.begin() as tx:
            queued = await queue_due_anchors(tx, self._clock.now())
        if queued:
            self.notify()

    async def drop_stale(self) -> None:
        """Drop what waits for too long, and delete old results."""
        now = self._clock.now()
        async with self._store.begin() as tx:
            await JudgementRepository(tx.conn).drop_stale(now)
            await JudgementRepository(tx.conn).delete_before(now - RESULTS_KEPT)

    def _ledger(self, judgement: NewJudgement, rules: Sequence[JudgingRule], today: datetime) -> JudgementLedger:
        """Return the ledger of one judgement: it reserves each call in what all instances share."""
        assert self._tools is not None
        rule = None
        if judgement.evaluation_id is None:
            rule = next(rule for rule in rules if rule.scope == judgement.scope)
        return JudgementLedger(self._store, self._tools.endpoint, judgement, rule, today)

    async def _score(self, judge: JudgeDefinition | None, leased: LeasedJudgement, ledger: SpendLedger) -> JudgeScore:
        assert self._tools is not None
        if judge is None or judge.digest != leased.judgement.digest:
            return JudgeScore(None, "the judge was changed since this was queued")
        return await JudgePanel(self._tools.methods, ledger).score(judge, leased.judgement.judged)

    async def _finish(self, tx: Tx, judgement: NewJudgement, score: JudgeScore, ledger: SpendLedger) -> None:
        """Store the result, submit the score, and queue anchors, in one transaction."""
        repository, now = JudgementRepository(tx.conn), self._clock.now()
        first = None
        if judgement.case_id is not None:
            first = await repository.first_anchor_score(judgement.scope, judgement.digest, judgement.case_id)
        if not await repository.finish(judgement.id, score.value, score.reason, ledger.spend, now):
            return
        if judgement.purpose == "run":
            self._on_judged()
        if score.value is None:
            return
        if judgement.purpose == "online":
            await tx.emit(await self._submission(tx, judgement, score.value, now))
            await queue_anchors_after_score(tx, judgement, now)
        elif first is not None:
            await tx.emit(self._anchored(judgement, score.value, first, now))

    async def _submission(
        self, tx: Tx, judgement: NewJudgement, score: float, now: datetime
    ) -> Envelope[FeedbackSubmitted]:
        """Return the score as feedback, signed by the evaluator's API key of the environment."""
        assert self._tools is not None
        found = await find_submission_keys(tx.conn, list(self._tools.api_keys))
        key_id = found[judgement.scope.project, judgement.scope.environment]
        hashed = secret_hash(self._tools.api_keys[key_id])
        body, time, once = feedback_body(judgement, score, now), now.isoformat(), f"judgement-{judgement.id}"
        signature = submission_signature(hashed, FeedbackSubmitted.topic, key_id, time, once, body)
        event = FeedbackSubmitted(
            key_id=key_id, submitted_at=time, idempotency_key=once, body=body, signature=signature
        )
        return Envelope(derived_id("judged", str(judgement.id)), now, self._source, event, str(judgement.id))

    def _anchored(self, judgement: NewJudgement, score: float, first: float, now: datetime) -> Envelope[JudgeAnchored]:
        scope = judgement.scope
        event = JudgeAnchored(
            project=scope.project, environment=scope.environment, target=scope.target, judge=judgement.judge,
            evaluator=judgement.digest, case_id=judgement.case_id or "", score=score, first=first,
            occurred_at=judgement.occurred_at,
        )  # fmt: skip
        return Envelope(derived_id("anchored", str(judgement.id)), now, self._source, event, str(judgement.id))


async def _judge_of(tx: Tx, judgement: NewJudgement) -> JudgeDefinition | None:
    """Return the judge of a judgement: that of its evaluation, else the current one of this name."""
    scope = judgement.scope
    if judgement.evaluation_id is not None:
        run = await EvaluationRunRepository(tx.conn).get_run(judgement.evaluation_id)
        judges = [each.judge for each in run.judges] if run else []
        return next((judge for judge in judges if judge.digest == judgement.digest), None)
    found = await JudgeRepository(tx.conn).get_judge(scope.project, scope.environment, judgement.judge)
    return None if found is None else found.definition


def midnight(now: datetime) -> datetime:
    """Return the start of the day (UTC)."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def used_up(rule: JudgingRule, today: JudgementCounts) -> str | None:
    """Return which limit of the day is reached; None if none is."""
    spend = today.spend
    if rule.daily_calls is not None and spend.calls >= rule.daily_calls:
        return f"today's budget is used up: {rule.daily_calls:,} calls"
    if rule.daily_tokens is not None and spend.tokens >= rule.daily_tokens:
        return f"today's budget is used up: {rule.daily_tokens:,} tokens"
    if rule.daily_usd is not None and (spend.usd or 0.0) >= rule.daily_usd:
        return f"today's budget is used up: {rule.daily_usd:g} US dollars"
    return None
