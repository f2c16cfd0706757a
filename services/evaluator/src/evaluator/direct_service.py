"""Answers tasks of some prompts by a model's endpoint, where no app does: a worker within the evaluator."""

import asyncio
import time
from collections.abc import Sequence
from datetime import date

from evaluator.domain.direct_terms import DirectTerms
from evaluator.domain.task_answers import StoredAnswer
from evaluator.domain.worker_requests import LeaseRequest, LeaseToken, TaskReport
from evaluator.storage.direct_usage import DirectUsage, DirectUsageRepository
from evaluator.task_service import CaseTask, TaskService
from ratchet.prompt import parse
from ratchet_evaluation.domain.direct_requests import InvalidRequest, chat_request, returned_value
from ratchet_evaluation.domain.evaluators.definition import UnknownScore
from ratchet_evaluation.domain.judges.spend import NO_LIMIT, JudgeSpend, SpendLedger
from ratchet_evaluation.endpoints.model_client import ModelClient
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import Clock
from shared.runtime.log import logger

WORKER = "direct"
_HEARTBEAT_S = 10.0
_WAIT_S = 20.0
_PAUSE_S = 60.0
"""Seconds until the budget is looked at again."""


class DirectService:
    """Leases tasks as any worker, and answers them by the endpoint of `client`."""

    def __init__(
        self, store: SqlStore, clock: Clock, tasks: TaskService, client: ModelClient, terms: DirectTerms
    ) -> None:
        self._store, self._clock, self._tasks, self._client, self._terms = store, clock, tasks, client, terms

    async def run(self) -> None:
        """Answer tasks until cancelled. Raises errors of the database."""
        try:
            while True:
                if await self.answer_next(_WAIT_S) is None:
                    logger(__name__).warning("the budget of the direct endpoint is used up for today")
                    await asyncio.sleep(_PAUSE_S)
        finally:
            await self._client.close()

    async def answer_next(self, wait_s: float = 0.0) -> int | None:
        """Answer the next tasks; return their number, or None if the budget of the day allows no call."""
        day = self._clock.now().date()
        async with self._store.begin() as tx:
            used = await DirectUsageRepository(tx.conn).get_usage(day)
        allowed = self._terms.allowed_calls(*used)
        if allowed < 1:
            return None
        terms = self._terms
        request = LeaseRequest(terms.project, terms.environment, WORKER, terms.prompts, allowed)
        leased = await self._tasks.lease(request, wait_s, asyncio.get_running_loop().create_future())
        if leased:
            await self._answer(leased, day)
        return len(leased)

    async def _answer(self, leased: Sequence[CaseTask], day: date) -> None:
        """Answer leased tasks, and extend their leases meanwhile. What was spent is stored, also if cancelled."""
        ledger = SpendLedger(NO_LIMIT, NO_LIMIT)
        scope = (self._terms.project, self._terms.environment)
        tokens = [LeaseToken(each.leased.task_id, each.leased.token) for each in leased]
        heartbeats = asyncio.create_task(self._keep(tokens, scope))
        try:
            answers = await asyncio.gather(*(self._ask(each, ledger) for each in leased))
        finally:
            heartbeats.cancel()
            await self._save(ledger.spend, day)
        reports = [TaskReport(token, answer) for token, answer in zip(tokens, answers, strict=True)]
        await self._tasks.answer(reports, scope)

    async def _keep(self, tokens: Sequence[LeaseToken], scope: tuple[str, str]) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT_S)
            await self._tasks.extend(tokens, scope)

    async def _save(self, spend: JudgeSpend, day: date) -> None:
        if spend.calls:
            async with self._store.begin() as tx:
                await DirectUsageRepository(tx.conn).add_usage(day, DirectUsage(spend.calls, spend.tokens))

    async def _ask(self, task: CaseTask, ledger: SpendLedger) -> StoredAnswer:
        """Return the answer to a task; what goes wrong is a failed one with its error."""
        start = time.perf_counter()
        try:
            prompt = parse(dict(task.leased.document))
            body = chat_request(prompt, task.case, task.leased.examples, self._terms.model)
            returned = returned_value(await self._client.post("/chat/completions", body, ledger))
        except InvalidRequest as error:
            return StoredAnswer(failure=("invalid", str(error)))
        except UnknownScore as error:
            return StoredAnswer(failure=("error", str(error)))
        return StoredAnswer(returned, ms=1000.0 * (time.perf_counter() - start))
