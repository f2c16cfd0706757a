"""SQL of tasks: leases, heartbeats and answers. The rules are those of `evaluator.domain.task_leases`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Row, and_, case, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from evaluator.domain.evaluation_run import EvaluationRun
from evaluator.domain.run_plan import PlannedTask, TaskWindow
from evaluator.domain.run_progress import AnswerKey
from evaluator.domain.task_answers import StoredAnswer, exhausted_answer, to_app_answer
from evaluator.domain.task_leases import (
    LEASE,
    MAX_ATTEMPTS,
    AnswerOutcome,
    TaskState,
    begin_lease,
    holds_lease,
    judge_answer,
)
from evaluator.domain.worker_requests import LeasedTask, LeaseRequest, LeaseToken, SetKey, TaskReport
from evaluator.storage.run_tables import evaluation_tasks, evaluations
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.outcomes import EvaluationArm

_T, _E = evaluation_tasks.c, evaluations.c
_SET = (_E.project, _E.environment, _E.dataset, _E.dataset_digest)
_JOINED = evaluation_tasks.join(evaluations, _T.evaluation_id == _E.id)
_INSERT = text(
    """INSERT INTO evaluator.evaluation_tasks
         (evaluation_id, id, ordinal, cluster, case_id, arm, repeat, protected, open)
       SELECT :evaluation_id, gen_random_uuid(), * FROM unnest(
         CAST(:ordinals AS int[]), CAST(:clusters AS int[]), CAST(:cases AS text[]),
         CAST(:arms AS text[]), CAST(:repeats AS int[]), CAST(:protected AS bool[]), CAST(:open AS bool[]))"""
)


_COPY = text(
    """UPDATE evaluator.evaluation_tasks t SET answer = s.answer, answered_at = :now, open = false
       FROM evaluator.evaluations e, (
         SELECT DISTINCT ON (digest, t.case_id, t.repeat)
                CASE t.arm WHEN 'baseline' THEN e.base_digest ELSE e.digest END AS digest, t.case_id, t.repeat, t.answer
         FROM evaluator.evaluation_tasks t JOIN evaluator.evaluations e ON e.id = t.evaluation_id
         WHERE e.bisection_id = :bisection AND e.id <> :evaluation AND t.answered_at IS NOT NULL) s
       WHERE t.evaluation_id = :evaluation AND e.id = :evaluation AND t.answered_at IS NULL
         AND s.digest = CASE t.arm WHEN 'baseline' THEN e.base_digest ELSE e.digest END
         AND (s.case_id, s.repeat) = (t.case_id, t.repeat)"""
)


class TaskRepository:
    """Tasks, in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def save_plan(self, evaluation_id: UUID, tasks: Iterable[PlannedTask], window: TaskWindow) -> None:
        """Save the tasks of an evaluation that starts; those in the window are open."""
        found = list(tasks)
        await self._conn.execute(
            _INSERT,
            {
                "evaluation_id": evaluation_id,
                "ordinals": [task.ordinal for task in found],
                "clusters": [task.cluster for task in found],
                "cases": [task.case_id for task in found],
                "arms": [task.arm for task in found],
                "repeats": [task.repeat for task in found],
                "protected": [task.protected for task in found],
                "open": [task.ordinal < window.until or (window.protected and task.protected) for task in found],
            },
        )

    async def copy_answers(self, run: EvaluationRun, now: datetime) -> int:
        """Take over the answers to equal prompts from the other probes of a bisection; return their number."""
        assert run.probe is not None
        values = {"evaluation": run.id, "bisection": run.probe.bisection_id, "now": now}
        return (await self._conn.execute(_COPY, values)).rowcount

    async def open_window(self, evaluation_id: UUID, window: TaskWindow) -> int:
        """Open the unanswered tasks in the window and close the others; return how many changed."""
        wanted = _T.ordinal < window.until
        if window.protected:
            wanted = or_(wanted, _T.protected)
        unanswered = and_(_T.evaluation_id == evaluation_id, _T.answered_at.is_(None), _T.open != wanted)
        # Locked in the order in which answers lock them: the tasks that close may be answered at this moment.
        locked = select(_T.id).where(unanswered).order_by(_T.id).with_for_update()
        changed = update(evaluation_tasks).where(_T.id.in_(locked.scalar_subquery()))
        return (await self._conn.execute(changed.values(open=wanted))).rowcount

    async def lease(self, request: LeaseRequest, now: datetime) -> list[LeasedTask]:
        """Lease free tasks to a worker, those of the oldest evaluation first; return them with their tokens."""
        free = or_(_T.expires_at.is_(None), _T.expires_at <= now)
        here = and_(_E.project == request.project, _E.environment == request.environment, _E.state == "running")
        columns = (
            evaluation_tasks,
            _E.name,
            _E.base_digest,
            _E.base,
            _E.digest,
            _E.document,
            _E.examples,
            _E.base_examples,
            *_SET,
        )
        query = select(*columns).select_from(_JOINED).where(here, _T.open, free, _T.attempts < MAX_ATTEMPTS)
        if request.prompts is not None:
            query = query.where(_E.name.in_(request.prompts))
        ordered = query.order_by(_E.requested_at, _E.id, _T.ordinal).limit(request.limit)
        rows = (await self._conn.execute(ordered.with_for_update(of=evaluation_tasks, skip_locked=True))).all()
        leased = [_lease_row(row, now) for row in rows]
        await self._save_leases(leased, request.worker)
        return leased

    async def _save_leases(self, leased: Sequence[LeasedTask], worker: str) -> None:
        if not leased:
            return
        tokens = case({task.task_id: task.token for task in leased}, value=_T.id)
        mine = update(evaluation_tasks).where(_T.id.in_([task.task_id for task in leased]))
        values = {"token": tokens, "attempts": _T.attempts + 1, "expires_at": leased[0].expires_at, "worker": worker}
        await self._conn.execute(mine.values(values))

    async def extend(self, leases: Sequence[LeaseToken], scope: tuple[str, str], now: datetime) -> list[UUID]:
        """Extend the leases that their worker still holds; return the ids of their tasks."""
        states = await self._lock(leases, scope)
        kept = [
            lease.task_id
            for lease in leases
            if lease.task_id in states and holds_lease(states[lease.task_id], lease.token)
        ]
        mine = update(evaluation_tasks).where(_T.id.in_(kept))
        await self._conn.execute(mine.values(expires_at=now + LEASE))
        return kept

    async def answer(self, reports: Sequence[TaskReport], scope: tuple[str, str], now: datetime) -> list[AnswerOutcome]:
        """Store the answers of the workers that hold the tasks; return the result of each."""
        states = dict(await self._lock([report.lease for report in reports], scope))
        outcomes: list[AnswerOutcome] = []
        for report in reports:
            task_id, token = report.lease
            state = states.get(task_id)
            outcomes.append("lost" if state is None else judge_answer(state, token))
            if state is not None and outcomes[-1] == "accepted":
                await self._save_answer(task_id, report.answer, now)
                states[task_id] = replace(state, answered=True)
        return outcomes

    async def _save_answer(self, task_id: UUID, answer: StoredAnswer, now: datetime) -> None:
        mine = update(evaluation_tasks).where(_T.id == task_id)
        await self._conn.execute(mine.values(answer=answer.to_json(), answered_at=now, open=False, expires_at=None))

    async def fail_exhausted(self, now: datetime) -> int:
        """Store a failed answer to the tasks whose last lease expired; return their number."""
        exhausted = and_(_T.open, _T.attempts >= MAX_ATTEMPTS, _T.expires_at <= now)
        running = _T.evaluation_id.in_(select(_E.id).where(_E.state == "running"))
        mine = select(_T.id).where(exhausted, running).order_by(_T.id).with_for_update(skip_locked=True)
        values = {"answer": exhausted_answer().to_json(), "answered_at": now}
        ended = update(evaluation_tasks).where(_T.id.in_(mine.scalar_subquery()))
        return (await self._conn.execute(ended.values(**values, open=False, token=None, expires_at=None))).rowcount

    async def list_order(self, run: EvaluationRun) -> list[tuple[int, str]]:
        """Return the cluster and the id of each case, in the order of the run."""
        each = and_(_T.evaluation_id == run.id, _T.arm == "candidate", _T.repeat == 0)
        found = await self._conn.execute(select(_T.cluster, _T.case_id).where(each).order_by(_T.ordinal))
        return [(row.cluster, row.case_id) for row in found]

    async def list_answers(
        self, evaluation_id: UUID, first: int, until: int | None = None
    ) -> dict[AnswerKey, AppAnswer]:
        """Return the answers to tasks from the ordinal `first` on, up to `until` if it is given."""
        wanted = and_(_T.evaluation_id == evaluation_id, _T.answered_at.is_not(None), _T.ordinal >= first)
        query = select(_T.case_id, _T.arm, _T.repeat, _T.answer).where(wanted)
        if until is not None:
            query = query.where(_T.ordinal < until)
        found = await self._conn.execute(query)
        return {AnswerKey(row.case_id, row.arm, row.repeat): to_app_answer(row.answer) for row in found}

    async def _lock(self, leases: Iterable[LeaseToken], scope: tuple[str, str]) -> Mapping[UUID, TaskState]:
        """Lock tasks until the end of the transaction, always in one order; return the states of those in scope."""
        here = and_(_E.project == scope[0], _E.environment == scope[1])
        columns: tuple[Any, ...] = (_T.id, _T.attempts, _T.token, _T.expires_at, _T.answered_at, _T.open, _E.state)
        query = select(*columns).select_from(_JOINED).where(here, _T.id.in_([lease.task_id for lease in leases]))
        rows = await self._conn.execute(query.order_by(_T.id).with_for_update(of=evaluation_tasks))
        return {row.id: _state(row) for row in rows}

    async def delete_ended_before(self, moment: datetime) -> int:
        """Delete the tasks of evaluations that ended before `moment`: the reports have the answers that counted."""
        ended = select(evaluations.c.id).where(evaluations.c.ended_at < moment)
        deleted = await self._conn.execute(evaluation_tasks.delete().where(evaluation_tasks.c.evaluation_id.in_(ended)))
        return deleted.rowcount


def _state(row: Row[Any]) -> TaskState:
    is_wanted = row.state == "running" and row.open
    return TaskState(row.attempts, row.token, row.expires_at, row.answered_at is not None, is_wanted)


def _lease_row(row: Row[Any], now: datetime) -> LeasedTask:
    leased = begin_lease(TaskState(row.attempts, row.token, row.expires_at), uuid4(), now)
    assert leased.token is not None
    assert leased.expires_at is not None
    arm: EvaluationArm = row.arm
    is_candidate = arm == "candidate"
    digest, document = (row.digest, row.document) if is_candidate else (row.base_digest, row.base)
    return LeasedTask(
        row.id, leased.token, row.evaluation_id, arm, row.repeat, row.name, digest, document, row.case_id,
        SetKey(row.project, row.environment, row.dataset, row.dataset_digest), leased.expires_at,
        row.examples if is_candidate else row.base_examples,
    )  # fmt: skip
