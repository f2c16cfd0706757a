"""Runs that draft instructions: begins them, has their candidates evaluated, and proposes the best one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from proposer.domain.data_rules import NO_TRACES
from proposer.domain.instruction_edits import EditedPrompt
from proposer.domain.instruction_proposals import draft_instruction_proposal, instruction_content_id
from proposer.domain.instruction_runs import (
    InstructionRun,
    choose,
    is_unexplained,
    success_rate,
    to_candidate,
    with_result,
)
from proposer.domain.model import PromptKey, PromptState
from proposer.domain.refused_proposals import constraints_of
from proposer.domain.safety_clauses import clause_edits
from proposer.proposal_service import CausingEvent, ProposalService
from proposer.storage.repository import ProposerRepository
from ratchet.prompt import Prompt
from shared.events import derived_id
from shared.events.evaluation import CandidateDrafted, EvaluationCompleted
from shared.events.quality import RegressionDetected, RegressionResolved
from shared.messaging.cloudevents import Received
from shared.messaging.store import Tx
from shared.runtime.clock import Clock

_WEEK = timedelta(days=7)
EVALUATED_WITHIN = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class DraftRules:
    """When instructions are drafted. `model`: a language model is configured."""

    model: bool = False
    success_threshold: float = 0.5
    changes_per_week: int = 5


class InstructionService:
    """Begins and ends runs. Calls of the model are made by `InstructionDrafter`, outside of transactions."""

    def __init__(self, service: ProposalService, clock: Clock, rules: DraftRules) -> None:
        self._service, self._clock, self.rules = service, clock, rules

    async def consider(self, tx: Tx, regression: RegressionDetected, cause: CausingEvent) -> None:
        """Begin a run for an unexplained regression, if one may help; once for each version of the prompt in use."""
        if not is_unexplained(regression):
            return
        repository = ProposerRepository(tx.conn)
        scope = (regression.project, regression.environment, regression.target)
        keys = await repository.prompts.list_of_target(*scope)
        if len(keys) != 1:
            return
        (state,) = (await repository.prompts.lock_prompts({keys[0]: regression.target})).values()
        base = await repository.prompts.get_document(state.key, state.in_use)
        if base is not None:
            await self._begin(tx, regression, state.key, base, cause)

    async def _begin(
        self, tx: Tx, regression: RegressionDetected, key: PromptKey, base: Prompt, cause: CausingEvent
    ) -> None:
        repository, now = ProposerRepository(tx.conn), self._clock.now()
        clauses = clause_edits(base, regression.metric)
        rate = success_rate(regression)
        drafts = self.rules.model and rate is not None and rate < self.rules.success_threshold
        if not clauses and not drafts:
            return
        run = InstructionRun(
            regression.regression_id, base.digest, key, regression.target, "clauses" if clauses else "model", "waiting",
            execution_ids=regression.affected_executions, traces=NO_TRACES if clauses else None,
        )  # fmt: skip
        scope = (regression.project, regression.environment, regression.target)
        begun = await repository.instructions.count_since(*scope, now - _WEEK)
        if begun >= self.rules.changes_per_week:
            detail = f"the target's budget of {self.rules.changes_per_week} drafts a week is used up"
            run = replace(run, state="failed", detail=detail)
        if await repository.instructions.add(run, now) and clauses and run.state == "waiting":
            await self.evaluate(tx, run, base, clauses, cause)

    async def evaluate(
        self, tx: Tx, run: InstructionRun, base: Prompt, edits: Sequence[EditedPrompt], cause: CausingEvent
    ) -> None:
        """Save the candidates of a run, and request their evaluation. Those that a person decided about are left out.

        Each is an attempt at the same fix, so together they pass by chance no more often than one would.
        """
        repository, now = ProposerRepository(tx.conn), self._clock.now()
        content_ids = [instruction_content_id(run.key, base.digest, each.result.digest) for each in edits]
        decided = [await repository.proposals.is_decided(content_id) for content_id in content_ids]
        candidates = tuple(
            to_candidate(run.regression_id, base, each) for each, known in zip(edits, decided, strict=True) if not known
        )
        if not candidates:
            detail = "a person has decided about each of these edits before"
            await repository.instructions.save(replace(run, state="not_better", detail=detail), now)
            return
        run = replace(run, state="evaluating", detail=None, candidates=candidates, next_call_at=None)
        await repository.instructions.save(run, now)
        for attempt, candidate in enumerate(candidates, 1):
            event = CandidateDrafted(
                project=run.key.project,
                environment=run.key.environment,
                target=run.target,
                proposal_id=candidate.id,
                revision=1,
                kind="instruction",
                name=run.key.name,
                base_digest=base.digest,
                base=dict(base.to_dict()),
                digest=candidate.digest,
                document=dict(candidate.document),
                execution_ids=run.execution_ids,
                attempt=attempt,
            )
            await self._service.emit(tx, event, derived_id(event.topic, str(candidate.id)), cause)

    async def save_result(self, tx: Tx, received: Received[EvaluationCompleted]) -> None:
        """Save what an evaluation found; when it was the last one, propose the best candidate, if it is better."""
        event = received.event
        if not event.drafted or event.base_digest is None:
            return
        repository = ProposerRepository(tx.conn)
        key = PromptKey(event.project, event.environment, event.name)
        (state,) = (await repository.prompts.lock_prompts({key: event.target})).values()
        for run in await repository.instructions.lock_unfinished(key, event.base_digest, event.digest):
            found = with_result(run, event)
            if all(each.verdict for each in found.candidates):
                found = await self._conclude(tx, found, state, received)
            await repository.instructions.save(found, self._clock.now())

    async def _conclude(
        self, tx: Tx, run: InstructionRun, state: PromptState, cause: Received[EvaluationCompleted]
    ) -> InstructionRun:
        repository = ProposerRepository(tx.conn)
        chosen = choose(run.candidates)
        regression = await repository.regressions.get_open(run.regression_id)
        base = await repository.prompts.get_document(state.key, run.base_digest)
        if regression is None or base is None or state.in_use != run.base_digest:
            return replace(run, state="ended")
        if chosen is None:
            return replace(
                run, state="not_better", detail="no candidate was shown to be better than the version in use"
            )
        spend = await repository.model_calls.get_run_spend((run.regression_id, run.base_digest))
        spent = (spend.tokens, spend.usd if spend.calls else 0.0)
        refused = constraints_of(await repository.instructions.list_refused(run.key))
        draft = draft_instruction_proposal(regression, run, base, chosen, spent, refused)
        opened = await self._service.open_proposal(tx, draft, cause)
        if opened is None:
            return replace(run, state="not_better", detail="a person has decided about the best candidate before")
        await repository.regressions.save_outcome(run.regression_id, opened, None, self._clock.now())
        return replace(run, state="proposed", proposal_id=opened)

    async def end(self, tx: Tx, event: RegressionResolved, cause: CausingEvent) -> None:
        """End the runs of a resolved regression, and withdraw their proposals."""
        repository = ProposerRepository(tx.conn)
        keys = await repository.instructions.list_prompts_of(event.regression_id)
        await repository.prompts.lock_prompts(dict.fromkeys(keys, event.target))
        await repository.instructions.end(self._clock.now(), regression_id=event.regression_id)
        for key in keys:
            await self._service.withdraw_instructions(tx, key, cause, regression_id=event.regression_id)

    async def follow_base(self, tx: Tx, state: PromptState, cause: CausingEvent) -> None:
        """End runs and withdraw proposals whose base is not in use any more, and begin them again on the new one."""
        repository = ProposerRepository(tx.conn)
        await repository.instructions.end(self._clock.now(), stale=state.key, in_use=state.in_use)
        await self._service.withdraw_instructions(tx, state.key, cause, in_use=state.in_use)
        scope = (state.key.project, state.key.environment, state.target)
        for regression in await repository.regressions.list_unexplained(*scope):
            await self.consider(tx, regression, cause)
