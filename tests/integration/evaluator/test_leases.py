"""Leases in the database follow the rules of the domain, whatever workers do."""

import random
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.domain.task_leases import LEASE, MAX_ATTEMPTS, TaskState
from evaluator.domain.worker_requests import LeasedTask, LeaseToken
from tests.support.evaluation import golden_set
from tests.support.evaluator_service import Evaluator, requested
from tests.support.soak import scaled
from tests.support.task_lease_model import can_lease, is_exhausted

EXPIRY = LEASE + timedelta(seconds=1)


def yes(task: LeasedTask) -> str:
    return f"yes {task.token}"


async def started(evaluator: Evaluator, cases: int = 4) -> None:
    await evaluator.publish(golden_set(cases))
    await evaluator.deliver(requested())
    await evaluator.service.advance_all()


async def states(evaluator: Evaluator) -> dict[object, TaskState]:
    """Return the lease of each task."""
    rows = await evaluator.rows(
        """SELECT t.*, t.open AND e.state = 'running' AS wanted
           FROM evaluator.evaluation_tasks t JOIN evaluator.evaluations e ON e.id = t.evaluation_id"""
    )
    return {
        row.id: TaskState(row.attempts, row.token, row.expires_at, row.answered_at is not None, row.wanted)
        for row in rows
    }


@pytest.mark.parametrize("seed", range(scaled(4, 40)))
async def test_any_sequence_of_steps_gives_each_task_one_answer(engine: AsyncEngine, seed: int) -> None:
    """Model: which tasks are free or exhausted, the latest token of each, and the token whose answer was accepted."""
    rnd, evaluator = random.Random(seed), Evaluator(engine, ahead=8)
    await started(evaluator)
    held: list[LeasedTask] = []
    latest: dict[object, object] = {}
    accepted: dict[object, object] = {}
    exhausted: set[object] = set()
    for _ in range(60):
        match rnd.choice(("lease", "lease", "answer", "answer", "extend", "time", "sweep")):
            case "lease":
                limit, now = rnd.randint(1, 4), evaluator.clock.now()
                free = {task_id for task_id, state in (await states(evaluator)).items() if can_lease(state, now)}
                leased = await evaluator.lease(limit)
                assert len(leased) == min(limit, len(free))
                assert {task.task_id for task in leased} <= free
                assert not free & (accepted.keys() | exhausted)
                held += leased
                latest.update({task.task_id: task.token for task in leased})
            case "answer" if held:
                task = rnd.choice(held)
                (outcome,) = await evaluator.answer([task], yes)
                if task.task_id in accepted:
                    assert outcome == ("repeated" if accepted[task.task_id] == task.token else "lost")
                elif latest[task.task_id] != task.token or task.task_id in exhausted:
                    assert outcome == "lost"
                else:
                    assert outcome == "accepted"
                    accepted[task.task_id] = task.token
            case "extend" if held:
                task = rnd.choice(held)
                is_held = latest[task.task_id] == task.token and task.task_id not in accepted | dict.fromkeys(exhausted)
                assert await evaluator.extend([task]) == ([task.task_id] if is_held else [])
            case "time":
                evaluator.clock.advance(timedelta(seconds=rnd.choice((5, 31))))
            case "sweep":
                now = evaluator.clock.now()
                exhausted |= {id_ for id_, state in (await states(evaluator)).items() if is_exhausted(state, now)}
                await evaluator.service.advance_all()
                rows = await evaluator.rows("SELECT id FROM evaluator.evaluation_tasks WHERE answer ? 'failure'")
                assert exhausted == {row.id for row in rows}
    for _ in range(MAX_ATTEMPTS + 1):  # all workers disappear
        await evaluator.lease(100)
        evaluator.clock.advance(EXPIRY)
        await evaluator.service.advance_all()
    (report,) = await evaluator.reports()
    rows = await evaluator.rows("SELECT id, case_id, arm, answer FROM evaluator.evaluation_tasks")
    answers = {(case["id"], arm): case[arm] for case in report["cases"] for arm in ("candidate", "baseline")}
    for row in rows:
        (found,) = answers[row.case_id, row.arm]
        assert (found["failure"] is None) == (row.id in accepted)
        assert found["output"] == (f"yes {accepted[row.id]}" if row.id in accepted else None)


async def test_an_answer_under_an_expired_lease_counts_unless_another_worker_has_the_task(evaluator: Evaluator) -> None:
    await started(evaluator)
    first = await evaluator.lease(2)
    evaluator.clock.advance(EXPIRY)
    assert await evaluator.answer(first[:1], yes) == ["accepted"]
    (again,) = await evaluator.lease(1)
    assert (again.task_id, again.token != first[1].token) == (first[1].task_id, True)
    assert await evaluator.answer(first, yes) == ["repeated", "lost"]
    assert await evaluator.answer([again, again], yes) == ["accepted", "repeated"]


async def test_a_heartbeat_keeps_a_lease(evaluator: Evaluator) -> None:
    await started(evaluator)
    tasks = await evaluator.lease(8)
    for _ in range(6):
        evaluator.clock.advance(timedelta(seconds=10))
        assert len(await evaluator.extend(tasks)) == 8
    assert await evaluator.lease(8) == []
    evaluator.clock.advance(EXPIRY)
    assert len(await evaluator.lease(8)) == 8
    assert await evaluator.extend(tasks) == []


async def test_a_task_that_no_worker_finishes_is_a_failed_answer(evaluator: Evaluator) -> None:
    await started(evaluator, cases=1)
    for _ in range(MAX_ATTEMPTS):
        assert len(tasks := await evaluator.lease(8)) == 2
        evaluator.clock.advance(EXPIRY)
        await evaluator.service.advance_all()
    assert await evaluator.answer(tasks, yes) == ["lost", "lost"]
    (report,) = await evaluator.reports()
    failure = report["cases"][0]["candidate"][0]["failure"]
    assert failure == {"kind": "crash", "message": "no worker finished it in 3 attempts"}


async def test_unknown_tasks_and_tokens_are_lost(evaluator: Evaluator) -> None:
    await started(evaluator)
    (task,) = await evaluator.lease(1)
    forged = [LeaseToken(uuid4(), uuid4()), LeaseToken(task.task_id, uuid4())]
    async with evaluator.store.begin() as tx:
        from evaluator.storage.tasks import TaskRepository

        tasks = TaskRepository(tx.conn)
        assert await tasks.extend(forged, ("acme", "production"), evaluator.clock.now()) == []
        own = [LeaseToken(task.task_id, task.token)]
        assert await tasks.extend(own, ("acme", "staging"), evaluator.clock.now()) == []
        assert await tasks.extend(own, ("acme", "production"), evaluator.clock.now()) == [task.task_id]


async def test_only_the_wanted_prompts_are_leased(evaluator: Evaluator) -> None:
    await started(evaluator)
    assert await evaluator.lease(8, prompts=("other",)) == []
    assert await evaluator.lease(8, prompts=()) == []
    assert len(await evaluator.lease(8, prompts=("other", "answer"))) == 8
