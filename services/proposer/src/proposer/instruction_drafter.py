"""Asks the language model for edits: one run at a time, within its pace and its budgets, which all instances share."""

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from proposer.domain.candidate_eligibility import CANDIDATE_WINDOW
from proposer.domain.instruction_edits import EditedPrompt
from proposer.domain.instruction_request import (
    MOST_OUTPUT_TOKENS,
    OUTPUT_FORMS,
    DraftTask,
    UnusableReply,
    draft_request,
    read_edits,
)
from proposer.domain.instruction_runs import InstructionRun
from proposer.domain.refused_proposals import constraints_of
from proposer.instruction_service import InstructionService
from proposer.storage.model_calls import ModelSpend
from proposer.storage.repository import ProposerRepository
from ratchet.prompt import Json
from ratchet_evaluation.domain.evaluators.definition import UnknownScore
from ratchet_evaluation.domain.judges.spend import NO_LIMIT, JudgeSpend, SpendLedger, SpendLimit, most_input_tokens
from ratchet_evaluation.endpoints.model_client import ModelClient, RequestRejected
from ratchet_evaluation.endpoints.model_endpoint import ModelEndpoint
from shared.messaging.store import Store, Tx
from shared.runtime.clock import Clock

MOST_CALLS = 4
"""Requests for one run, with those that failed."""
_FAILURES = 20
_UNSUPPORTED = (400, 404, 415, 422)
"""How endpoints refuse a form of output that they don't have."""
_BACKOFF = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class DraftingCall:
    """A call that was reserved: the run and its task, and the most that it uses."""

    id: UUID
    run: InstructionRun
    task: DraftTask
    body: dict[str, Json]


class InstructionDrafter:
    """Makes the calls. What a call may use is reserved before it, in the database, and replaced by what it used."""

    def __init__(
        self, store: Store, clock: Clock, service: InstructionService, client: ModelClient, endpoint: ModelEndpoint
    ) -> None:
        self._store, self._clock, self._service = store, clock, service
        self._client, self._endpoint = client, endpoint

    async def draft_next(self) -> bool:
        """Make the next call that is due; return whether there was one."""
        call = await self._reserve()
        if call is None:
            return False
        ledger = SpendLedger(NO_LIMIT, NO_LIMIT, self._endpoint.prices)
        error: UnknownScore | UnusableReply | None = None
        edits: tuple[EditedPrompt, ...] = ()
        try:
            reply = await self._client.post("/chat/completions", call.body, ledger)
            edits = read_edits(reply, call.task)
        except (UnknownScore, UnusableReply) as failed:
            error = failed
        await self._finish(call, edits, error, ledger.spend)
        return True

    async def run_all(self) -> None:
        """Make the calls that are due."""
        while await self.draft_next():
            pass

    async def close(self) -> None:
        """Close the client's connections."""
        await self._client.close()

    async def _reserve(self) -> DraftingCall | None:
        """Reserve the next call in one transaction; None if none is due, or none is allowed now."""
        now = self._clock.now()
        async with self._store.begin() as tx:
            repository = ProposerRepository(tx.conn)
            await repository.model_calls.lock()
            if await repository.model_calls.count_recent(now) >= self._endpoint.calls_per_minute:
                return None
            run = await repository.instructions.next_waiting(now)
            if run is None:
                return None
            task = await self._task(repository, run, now)
            if task is None:
                await repository.instructions.save(replace(run, state="ended"), now)
                return None
            body = draft_request(task, self._endpoint.model, OUTPUT_FORMS[run.form])
            most = self._most(body)
            refused = await self._over_budget(repository, run, most, now)
            if refused is not None:
                await repository.instructions.save(refused, now)
                return None
            ids = dict.fromkeys((*run.execution_ids, *(each.execution_id for each in task.failures)))
            leased = now + timedelta(seconds=2 * self._endpoint.timeout_s)
            run = replace(run, calls=run.calls + 1, next_call_at=leased, execution_ids=tuple(ids), traces=task.traces)
            await repository.instructions.save(run, now)
            call = DraftingCall(uuid4(), run, task, body)
            await repository.model_calls.begin(call.id, (run.regression_id, run.base_digest), most, now)
            return call

    async def _task(self, repository: ProposerRepository, run: InstructionRun, now: datetime) -> DraftTask | None:
        """Return what the model is to work on; None if the regression is resolved, or another version is in use."""
        regression = await repository.regressions.get_open(run.regression_id)
        state = await repository.prompts.get_state(run.key)
        base = await repository.prompts.get_document(run.key, run.base_digest)
        if regression is None or base is None or state is None or state.in_use != run.base_digest:
            return None
        settings = await repository.tuning.get(run.key.project, run.key.environment, run.target)
        since = now - CANDIDATE_WINDOW
        failures = await repository.failed_answers.list_newest(run.key, since, _FAILURES, settings.data)
        refused = await repository.instructions.list_refused(run.key)
        return DraftTask(
            base, regression.metric, regression.direction, regression.baseline.mean, regression.current.mean,
            regression.losing, failures, constraints_of(refused),
        )  # fmt: skip

    def _most(self, body: dict[str, Json]) -> ModelSpend:
        tokens = most_input_tokens(json.dumps(body, ensure_ascii=False).encode())
        prices = self._endpoint.prices
        usd = None if prices is None else prices.cost(tokens, MOST_OUTPUT_TOKENS)
        return ModelSpend(1, tokens + MOST_OUTPUT_TOKENS, usd)

    async def _over_budget(
        self, repository: ProposerRepository, run: InstructionRun, most: ModelSpend, now: datetime
    ) -> InstructionRun | None:
        """Return the run that failed, or waits for tomorrow, if the call might exceed a limit; else None."""
        spent = await repository.model_calls.get_run_spend((run.regression_id, run.base_digest))
        exceeded = _exceeded(self._endpoint.run_limit, spent, most)
        if exceeded is not None:
            return replace(run, state="failed", detail=f"the budget of a draft is used up: {exceeded}")
        exceeded = _exceeded(self._endpoint.day_limit, await repository.model_calls.get_day_spend(now), most)
        if exceeded is None:
            return None
        tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        return replace(run, next_call_at=tomorrow, detail=f"the budget of the day is used up: {exceeded}")

    async def _finish(
        self,
        call: DraftingCall,
        edits: tuple[EditedPrompt, ...],
        error: UnknownScore | UnusableReply | None,
        spend: JudgeSpend,
    ) -> None:
        """Save what the call used and what came of it, in one transaction."""
        async with self._store.begin() as tx:
            repository = ProposerRepository(tx.conn)
            outcome = "edits" if error is None else str(error)
            usd = spend.usd if spend.calls or self._endpoint.prices is None else 0.0
            await repository.model_calls.end(call.id, ModelSpend(1, spend.tokens, usd), outcome)
            run = await repository.instructions.lock(call.run.regression_id, call.run.base_digest)
            if run is None or run.state != "waiting" or run.calls != call.run.calls:
                return  # it has ended meanwhile, or another instance has taken it over
            if error is None:
                await self._service.evaluate(tx, run, call.task.base, edits, None)
            else:
                await self._save_failure(tx, run, error)

    async def _save_failure(self, tx: Tx, run: InstructionRun, error: UnknownScore | UnusableReply) -> None:
        now = self._clock.now()
        again = now + _BACKOFF * 2 ** (run.calls - 1)
        found = replace(run, detail=str(error), next_call_at=again)
        if isinstance(error, RequestRejected):
            supported = error.status not in _UNSUPPORTED or run.form + 1 == len(OUTPUT_FORMS)
            found = replace(found, state="failed") if supported else replace(found, form=run.form + 1, next_call_at=now)
        elif isinstance(error, UnusableReply) and error.refused:
            found = replace(found, state="failed")
        if found.calls >= MOST_CALLS:
            found = replace(found, state="failed")
        await ProposerRepository(tx.conn).instructions.save(found, now)


def _exceeded(limit: SpendLimit, spent: ModelSpend, most: ModelSpend) -> str | None:
    usd = (spent.usd or 0.0) + (most.usd or 0.0)
    return limit.exceeded_by(JudgeSpend(0, spent.tokens + most.tokens, 0, usd))
