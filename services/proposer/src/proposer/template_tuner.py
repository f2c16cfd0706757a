"""Tunes prompts on request and by schedule: selects example sets in a batch, and returns the results."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from proposer.domain.model import Candidate, PromptKey, PromptState
from proposer.domain.tuning_settings import BatchLimits, rating_of, score_of
from proposer.proposal_service import ProposalService
from proposer.storage.queries import list_candidates
from proposer.storage.repository import ProposerRepository
from shared.messaging.store import Store
from shared.runtime.clock import Clock

TuningStatus = Literal["applied", "proposed", "unchanged"]
_POLL_SECONDS = 0.05
_MAX_CANDIDATES = 500
Scope = tuple[str, str]


@dataclass(frozen=True, slots=True)
class TuningRun:
    """One run for one prompt: its state before, the selected candidates and the proposals that are open for them."""

    before: PromptState
    selected: tuple[Candidate, ...]
    proposals: tuple[UUID, ...]


class TemplateTuner:
    """Tuning of prompts. After a proposal it waits up to `grant_seconds` for a grant to apply it."""

    def __init__(self, store: Store, service: ProposalService, clock: Clock, grant_seconds: float) -> None:
        self._store = store
        self._service = service
        self._clock = clock
        self._grant_seconds = grant_seconds

    async def tune(self, scope: Scope, name: str, limits: BatchLimits) -> dict[str, Any] | None:
        """Tune one prompt; None if it is unknown."""
        run = await self._start(PromptKey(*scope, name), limits)
        if run is None:
            return None
        await self._wait_for_grants([run])
        return await self._result(run)

    async def tune_all(self, scope: Scope, limits: BatchLimits) -> dict[str, Any]:
        """Tune every prompt of `scope` (project, environment) that is in use."""
        async with self._store.begin() as tx:
            names = await ProposerRepository(tx.conn).prompts.list_in_use(*scope)
        runs = [run for name in names if (run := await self._start(PromptKey(*scope, name), limits))]
        await self._wait_for_grants(runs)
        results = [await self._result(run) for run in runs]
        tuned = [it for it in results if it["status"] == "applied"]
        proposed = [it for it in results if it["status"] == "proposed"]
        return {
            "tuned_count": len(tuned),
            "total_templates": len(names),
            "total_examples_added": sum(it["added_count"] for it in tuned),
            "proposed_count": len(proposed),
            "status": "applied" if tuned else "proposed" if proposed else "unchanged",
        }

    async def list_candidates(self, scope: Scope, name: str, min_rating: float) -> dict[str, Any] | None:
        """Return the candidates of a prompt that were rated at least `min_rating`; None if it is unknown."""
        async with self._store.begin() as tx:
            state = await ProposerRepository(tx.conn).prompts.get_state(PromptKey(*scope, name))
            if state is None:
                return None
            least = {"name": name}
            found = await list_candidates(tx.conn, scope, self._clock.now(), least, None, _MAX_CANDIDATES)
        kept = [candidate_view(c) for c in found if c.score >= score_of(min_rating)]
        return {"candidates": kept, "count": len(kept), "template_id": name}

    async def get_template(self, scope: Scope, name: str) -> dict[str, Any] | None:
        """Return the version of a prompt that is in use; None if the prompt is unknown."""
        async with self._store.begin() as tx:
            prompts = ProposerRepository(tx.conn).prompts
            state = await prompts.get_state(PromptKey(*scope, name))
            document = await prompts.get_document(state.key, state.in_use) if state else None
        if state is None:
            return None
        return {
            "template_id": name,
            "target": state.target,
            "digest": state.in_use,
            "managed": state.live is not None,
            "total_examples": sum(state.live_examples.values()),
            "examples_by_slot": dict(state.live_examples),
            "document": dict(document.to_dict()) if document else None,
        }

    async def run_schedules(self) -> int:
        """Tune the prompts of each target whose schedule is due, each in one transaction; return how many targets."""
        count = 0
        while await self._run_schedule():
            count += 1
        return count

    async def _run_schedule(self) -> bool:
        async with self._store.begin() as tx:
            repository = ProposerRepository(tx.conn)
            due = await repository.schedules.claim_due(self._clock.now())
            if due is None:
                return False
            names = await repository.prompts.list_in_use(due.project, due.environment, due.target)
            keys = {PromptKey(due.project, due.environment, name): due.target for name in names}
            for state in (await repository.prompts.lock_prompts(keys)).values():
                await self._service.tune_examples(tx, state, due.settings)
        return True

    async def _start(self, key: PromptKey, limits: BatchLimits) -> TuningRun | None:
        """Select and propose in one transaction; None if the prompt is unknown."""
        async with self._store.begin() as tx:
            repository = ProposerRepository(tx.conn)
            if await repository.prompts.get_state(key) is None:
                return None
            (state,) = (await repository.prompts.lock_prompts({key: ""})).values()
            settings = limits.applied_to(await repository.tuning.get(key.project, key.environment, state.target))
            selected = await self._service.tune_examples(tx, state, settings)
            opened = [p.id for p in await repository.proposals.list_open(key) if p.kind == "few_shot"]
        return TuningRun(state, selected, tuple(opened))

    async def _wait_for_grants(self, runs: Sequence[TuningRun]) -> None:
        """Wait until no proposal of `runs` is open any more, at most `grant_seconds`."""
        ids = [proposal for run in runs for proposal in run.proposals]
        loop = asyncio.get_running_loop()
        until = loop.time() + self._grant_seconds
        while ids and loop.time() < until:
            async with self._store.begin() as tx:
                if not await ProposerRepository(tx.conn).proposals.count_open(ids):
                    return
            await asyncio.sleep(_POLL_SECONDS)

    async def _result(self, run: TuningRun) -> dict[str, Any]:
        async with self._store.begin() as tx:
            repository = ProposerRepository(tx.conn)
            now = await repository.prompts.get_state(run.before.key) or run.before
            waiting = await repository.proposals.count_open(list(run.proposals))
        added = now.live_example_digests - run.before.live_example_digests
        status: TuningStatus = "proposed" if waiting else "applied" if added else "unchanged"
        live = [c for c in run.selected if c.example_digest in now.live_example_digests]
        examples = run.selected if status == "proposed" else live
        return {
            "added_count": len(added),
            "total_examples": sum(now.live_examples.values()),
            "template_id": run.before.key.name,
            "examples": [candidate_view(candidate) for candidate in examples],
            "status": status,
            "proposal_ids": [str(proposal) for proposal in run.proposals] if waiting else [],
        }


def candidate_view(candidate: Candidate) -> dict[str, Any]:
    """Return the JSON fields of a candidate; its score as a rating from 1 to 5."""
    return {
        "feedback_id": str(candidate.feedback_id),
        "input": candidate.input,
        "output": candidate.output,
        "rating": rating_of(candidate.score),
        "created_at": candidate.occurred_at.isoformat(),
    }
