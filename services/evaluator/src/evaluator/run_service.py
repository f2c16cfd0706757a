"""Runs evaluations: start them on a published set, count what workers answered, and end them with a report."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from evaluator.domain.evaluation_run import EvaluationRun, completed_event
from evaluator.domain.evaluation_terms import summarise
from evaluator.domain.judge_drops import reason_to_drop_at_end
from evaluator.domain.run_plan import restore_plan, without_protection
from evaluator.domain.run_preparation import prepare_run
from evaluator.domain.run_progress import RunProgress
from evaluator.domain.worker_requests import SetKey
from evaluator.run_judges import LoadedRun, ProposalJudging, RunJudges
from evaluator.run_report import build_report
from evaluator.storage.bisections import BisectionRunRepository
from evaluator.storage.evaluation_judges import EvaluationJudgeRepository
from evaluator.storage.evaluations import DueRun, EvaluationRunRepository
from evaluator.storage.judgement_spend import JudgementSpendRepository
from evaluator.storage.published_sets import PublishedSetRepository
from evaluator.storage.set_cache import PublishedSetCache
from evaluator.storage.tasks import TaskRepository
from ratchet_evaluation.domain.evaluation import EvaluationResult
from shared.messaging.sql_store import SqlStore
from shared.runtime.clock import Clock
from shared.runtime.failure_classification import FailureClass, classify
from shared.runtime.log import logger

_PAUSE = timedelta(minutes=1)
"""Time until an evaluation that failed by an unknown error is tried again."""
_LOADED = 8
"""Evaluations whose counted answers are kept in memory; others are counted again from the database."""
_CHUNK = 500
"""Tasks whose answers are read at a time."""


class RunService:
    """Starts, advances and ends evaluations. Several instances may do so at the same time: the result is the same.

    `ahead`: tasks of an evaluation that are open at a time, at least. `on_open` is called when tasks became open.
    `judging`: the judges of proposals' evaluations.
    """

    def __init__(
        self,
        store: SqlStore,
        clock: Clock,
        source: str,
        sets: PublishedSetCache,
        ahead: int,
        on_open: Callable[[], None],
        judging: ProposalJudging | None = None,
    ) -> None:
        self._store, self._clock, self._source, self._sets = store, clock, source, sets
        self._ahead, self._on_open, self._judging = ahead, on_open, RunJudges(store, clock, judging)
        self._loaded: OrderedDict[UUID, LoadedRun] = OrderedDict()
        self._paused: dict[UUID, datetime] = {}

    async def advance_all(self) -> None:
        """Start and advance what can be.

        An evaluation that fails is tried again later, and does not stop the others. Raises errors of the database.
        """
        async with self._store.begin() as tx:
            await TaskRepository(tx.conn).fail_exhausted(self._clock.now())
            waiting = await EvaluationRunRepository(tx.conn).list_startable()
        for evaluation_id in waiting:
            await self._guarded(evaluation_id, partial(self.start, evaluation_id))
        async with self._store.begin() as tx:
            due = await EvaluationRunRepository(tx.conn).list_due()
        for run in due:
            await self._guarded(run.id, partial(self.advance, run))

    async def _guarded(self, evaluation_id: UUID, action: Callable[[], Awaitable[None]]) -> None:
        paused_until = self._paused.get(evaluation_id)
        if paused_until is not None and paused_until > self._clock.now():
            return
        self._paused.pop(evaluation_id, None)
        try:
            await action()
        except Exception as error:
            self._loaded.pop(evaluation_id, None)
            if classify(error) is FailureClass.RETRYABLE:
                raise
            logger(__name__).exception("an evaluation failed; it is tried again", evaluation=str(evaluation_id))
            self._paused[evaluation_id] = self._clock.now() + _PAUSE

    async def start(self, evaluation_id: UUID) -> None:
        """Start a waiting evaluation on the latest published set of its target, if there is one."""
        async with self._store.begin() as tx:
            run = await EvaluationRunRepository(tx.conn).get_run(evaluation_id)
            if run is None:
                return
            sets = PublishedSetRepository(tx.conn)
            published = await _published(sets, run)
            if published is None:
                return
            golden_set = (await self._sets.get(tx.conn, published)).golden_set
            bisected = {} if run.probe else await BisectionRunRepository(tx.conn).list_bisected_cases(run)
            run = await self._judging.add_judges(tx, run)
            spreads = run.probe is None and (run.execution_ids or bisected or run.examples)
            unpublished = await sets.list_unpublished(published, golden_set) if spreads else []
        prepared = await asyncio.to_thread(prepare_run, run, golden_set, unpublished, bisected)
        progress = RunProgress(prepared.plan, run.settings)
        async with self._store.begin() as tx:
            evaluations = EvaluationRunRepository(tx.conn)
            if await evaluations.start(run.id, published.name, published.digest, prepared.excluded, self._clock.now()):
                await TaskRepository(tx.conn).save_plan(run.id, prepared.plan.tasks(), progress.window(self._ahead))
                due = DueRun(run.id, published.digest, run.judges_dropped is not None)
                await EvaluationJudgeRepository(tx.conn).save_judges(run.id, run.judges, run.settings)
                await evaluations.save_progress(due, 0, progress.decided)
                if run.probe is not None:
                    await TaskRepository(tx.conn).copy_answers(run, self._clock.now())
        self._on_open()

    async def advance(self, due: DueRun) -> None:
        """Count the clusters of a running evaluation that are answered; end it if it is decided."""
        loaded = self._loaded.get(due.id)
        if loaded is None or loaded.due != due:
            loaded = await self._load(due.id)
        if loaded is None:
            return
        while await self._count_next(loaded):
            pass
        result = await self._finish(loaded) if loaded.progress.decided else None
        if result is not None and loaded.run.may_drop_judges:
            loaded.drop = loaded.drop or reason_to_drop_at_end(result, loaded.progress)
        if loaded.drop is not None:
            await self._judging.drop(loaded, loaded.drop)
            self._loaded.pop(loaded.run.id, None)
            await self.advance(due._replace(judges_dropped=True))
        elif result is None:
            await self._save_progress(loaded)
        else:
            await self._complete(loaded, result)

    async def _load(self, evaluation_id: UUID) -> LoadedRun | None:
        async with self._store.begin() as tx:
            run = await EvaluationRunRepository(tx.conn).get_run(evaluation_id)
            if run is None or run.state != "running" or run.dataset is None or run.dataset_digest is None:
                return None
            key = SetKey(run.project, run.environment, run.dataset, run.dataset_digest)
            golden_set = (await self._sets.get(tx.conn, key)).golden_set
            order = await TaskRepository(tx.conn).list_order(run)
        plan = restore_plan(golden_set, order, run.arms, run.settings.repeats)
        if run.probe is not None:
            plan = without_protection(plan)
        loaded = LoadedRun(run, golden_set, plan, RunProgress(plan, run.settings))
        self._loaded[evaluation_id] = loaded
        while len(self._loaded) > _LOADED:
            self._loaded.popitem(last=False)
        return loaded

    async def _count_next(self, loaded: LoadedRun) -> bool:
        """Count answered clusters; return whether there may be more."""
        plan, progress = loaded.plan, loaded.progress
        counted = progress.counted
        until = plan.window(counted, _CHUNK).until
        async with self._store.begin() as tx:
            answers = await TaskRepository(tx.conn).list_answers(loaded.run.id, plan.first_task(counted), until)
            answers = await self._judging.judge(tx, loaded, answers)
        await asyncio.to_thread(progress.advance, answers)
        return progress.counted > counted and not progress.decided

    async def _finish(self, loaded: LoadedRun) -> EvaluationResult | None:
        first = loaded.plan.first_task(loaded.progress.counted)
        async with self._store.begin() as tx:
            answers = await TaskRepository(tx.conn).list_answers(loaded.run.id, first)
            answers = await self._judging.judge(tx, loaded, answers)
        return await asyncio.to_thread(loaded.progress.finish, answers)

    async def _save_progress(self, loaded: LoadedRun) -> None:
        progress, run = loaded.progress, loaded.run
        async with self._store.begin() as tx:
            if not await EvaluationRunRepository(tx.conn).save_progress(loaded.due, progress.counted, progress.decided):
                return
            opened = await TaskRepository(tx.conn).open_window(run.id, progress.window(self._ahead))
        if opened:
            self._on_open()

    async def _complete(self, loaded: LoadedRun, result: EvaluationResult) -> None:
        """Store verdict and report, and emit the event, in one transaction."""
        run, now = loaded.run, self._clock.now()
        spend = None
        if run.judges:
            async with self._store.begin() as tx:
                spend = await JudgementSpendRepository(tx.conn).spend_of_evaluation(run.id)
        report = await asyncio.to_thread(build_report, run, loaded.golden_set, result, spend)
        summary = summarise(result, run.excluded, run.judges)
        event = completed_event(run, summary, report.digest, now, self._source)
        async with self._store.begin() as tx:
            completed = await EvaluationRunRepository(tx.conn).complete(loaded.due, summary, report, now)
            if completed and run.probe is not None and result.comparison is not None:
                await BisectionRunRepository(tx.conn).save_result(run.id, result.comparison)
            if completed and event is not None:
                await tx.emit(event)
        self._loaded.pop(run.id, None)


async def _published(sets: PublishedSetRepository, run: EvaluationRun) -> SetKey | None:
    """Return the set of a run: the one that it names, or the latest one of its target."""
    if run.dataset is not None and run.dataset_digest is not None:
        return SetKey(run.project, run.environment, run.dataset, run.dataset_digest)
    return await sets.get_latest(run.project, run.environment, run.target, run.dataset)
