"""Runs bisections: start them on a published set, request the next probe, and end them with the fix."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluator.domain.bisection_run import (
    MARGIN,
    BisectionRun,
    BisectionSummary,
    bisection_completed,
    clusters_for_bisection,
    probe_run,
    summarise_bisection,
    why_unavailable,
)
from evaluator.domain.bisection_steps import NextProbe, next_step
from evaluator.domain.worker_requests import SetKey
from evaluator.storage.bisections import BisectionRunRepository
from evaluator.storage.evaluations import EvaluationRunRepository
from evaluator.storage.published_sets import PublishedSetRepository
from evaluator.storage.set_cache import PublishedSetCache
from ratchet.prompt import PromptError
from ratchet_evaluation.domain.bisection import BisectionResult
from ratchet_evaluation.domain.contamination import exclude_contaminated
from ratchet_evaluation.domain.golden_set import GoldenSet
from shared.messaging.sql_store import SqlStore
from shared.messaging.store import Tx
from shared.runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class BisectionLimits:
    """`repeats`: answers to each case and prompt. `answers`: about the maximum that the app is asked for."""

    repeats: int
    answers: int


class BisectionService:
    """Advances bisections. A step depends on the completed probes only, so any instance takes it."""

    def __init__(
        self, store: SqlStore, clock: Clock, source: str, sets: PublishedSetCache, limits: BisectionLimits
    ) -> None:
        self._store, self._clock, self._source, self._sets, self._limits = store, clock, source, sets, limits

    async def advance_all(self) -> int:
        """Start, advance and end what can be; return how many steps were taken. Raises errors of the database."""
        async with self._store.begin() as tx:
            due = await BisectionRunRepository(tx.conn).list_due()
        taken = 0
        for bisection_id in due:
            async with self._store.begin() as tx:
                run = await BisectionRunRepository(tx.conn).lock(bisection_id)
                if run is not None:
                    await (self._start if run.state == "waiting" else self._advance)(tx, run)
                    taken += 1
        return taken

    async def _start(self, tx: Tx, run: BisectionRun) -> None:
        """Start a bisection on the latest published set of its target, or end it if there is nothing to bisect."""
        published = await PublishedSetRepository(tx.conn).get_latest(run.project, run.environment, run.target)
        clusters = None
        if published is not None:
            kept = await self._load_clean(tx, run, published)
            clusters = len(kept.clusters)
        unavailable = why_unavailable(run, clusters)
        if unavailable is not None:
            await self._complete(tx, run, unavailable)
        elif published is not None and clusters is not None:
            allowed = clusters_for_bisection(clusters)
            await BisectionRunRepository(tx.conn).start(run.id, published.name, published.digest, allowed)

    async def _load_clean(self, tx: Tx, run: BisectionRun, published: SetKey) -> GoldenSet:
        golden_set = (await self._sets.get(tx.conn, published)).golden_set
        return (await asyncio.to_thread(exclude_contaminated, golden_set, run.execution_ids)).kept

    async def _advance(self, tx: Tx, run: BisectionRun) -> None:
        repository = BisectionRunRepository(tx.conn)
        completed = await repository.list_results(run.id)
        if completed is None:
            return
        step = next_step(len(run.hunks().hunks), completed, run.clusters, MARGIN)
        if isinstance(step, BisectionResult):
            await self._complete(tx, run, summarise_bisection(run, step))
        elif (asked := await repository.count_answers(run.id)) >= self._limits.answers:
            reason = f"the app was asked for {asked} answers, which is the most for one bisection"
            await self._complete(tx, run, BisectionSummary("undecided", reason, len(run.hunks().hunks)))
        else:
            await self._request(tx, run, step)

    async def _request(self, tx: Tx, run: BisectionRun, step: NextProbe) -> None:
        now = self._clock.now()
        try:
            probe = probe_run(run, step.hunks, step.clusters, self._limits.repeats, now)
        except PromptError as error:
            reason = f"some of the changes alone make no valid prompt: {error.field}"
            await self._complete(tx, run, BisectionSummary("unavailable", reason, len(run.hunks().hunks)))
            return
        await EvaluationRunRepository(tx.conn).save_request(probe, "waiting", now)
        await BisectionRunRepository(tx.conn).save_probe(probe, step)

    async def _complete(self, tx: Tx, run: BisectionRun, summary: BisectionSummary) -> None:
        """Store the result and emit the event, in one transaction."""
        repository, now = BisectionRunRepository(tx.conn), self._clock.now()
        answers = await repository.count_answers(run.id)
        event = bisection_completed(run, summary, answers, now, self._source)
        used = await self._digests(tx, run, await repository.list_used_cases(run.id))
        await repository.complete(run.id, summary, _shown(event.event.model_dump(mode="json")), used, now)
        await tx.emit(event)

    async def _digests(self, tx: Tx, run: BisectionRun, case_ids: list[str]) -> list[str]:
        if not case_ids or run.dataset is None or run.dataset_digest is None:
            return []
        key = SetKey(run.project, run.environment, run.dataset, run.dataset_digest)
        cases = (await self._sets.get(tx.conn, key)).cases
        return sorted(cases[case_id].digest for case_id in case_ids)


def _shown(event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of the event that the API shows as the result."""
    return {name: event[name] for name in ("reason", "changes", "causal", "digest", "restored", "answers")}
