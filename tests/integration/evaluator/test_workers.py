"""Many workers share the tasks of an evaluation; some disappear, and instances restart: nothing is lost or doubled."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.domain.task_leases import MAX_ATTEMPTS
from evaluator.domain.worker_requests import LeasedTask
from evaluator.settings import EvaluatorSettings
from ratchet.prompt.canonical import canonical_bytes, digest_of
from tests.support.evaluation import golden_set
from tests.support.evaluator_service import Evaluator, better, requested
from tests.support.evaluator_workers import FlakyWorker, add_keys, connect
from tests.support.soak import scaled

CASES = scaled(250, 1000)


def output_of(case_id: str, arm: str) -> str:
    """Return what the app answers: the arms are equally good, so that all cases are needed."""
    return f"yes, {case_id} by {arm}"


def answer(task: dict[str, Any]) -> str:
    return output_of(task["case"]["id"], task["arm"])


@pytest.mark.timeout(600)
async def test_each_case_is_answered_once_whatever_happens(settings: EvaluatorSettings, engine: AsyncEngine) -> None:
    """Four workers; one is killed at random times, after which its leases expire; in between, the server restarts."""
    rnd = random.Random(7)
    await add_keys(engine)
    evaluator = Evaluator(engine, ahead=64)
    await evaluator.publish(golden_set(CASES))
    await evaluator.deliver(requested())
    await evaluator.service.advance_all()
    instances = [connect(settings, evaluator.clock, "worker")]
    workers = [FlakyWorker(f"worker-{i}", answer, i) for i in range(4)]
    running = [asyncio.create_task(worker.run(lambda: instances[-1])) for worker in workers]
    kills = restarts = 0
    while (await evaluator.evaluations())[0].state == "running":
        await evaluator.service.advance_all()
        assert not any(task.done() for task in running), [task for task in running if task.done()]
        if kills < 12 and rnd.random() < 0.3:
            workers[0].kill()
            kills += 1
            for _ in range(4):
                evaluator.clock.advance(timedelta(seconds=10))
                for worker in workers:
                    await worker.heartbeat(instances[-1])
        if restarts < 2 and rnd.random() < 0.1:
            evaluator = Evaluator(engine, evaluator.clock, ahead=64)
            instances.append(connect(settings, evaluator.clock, "worker"))
            restarts += 1
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    for instance in instances:
        await instance.aclose()

    (event,) = await evaluator.emitted()
    (report,) = await evaluator.reports()
    attempts = {
        (row.case_id, row.arm): row.attempts for row in await evaluator.rows("SELECT * FROM evaluator.evaluation_tasks")
    }
    assert kills
    assert restarts
    assert [case["id"] for case in report["cases"]] == sorted(case.id for case in golden_set(CASES).cases)
    for case in report["cases"]:
        for arm in ("candidate", "baseline"):
            (found,) = case[arm]
            if found["failure"] is None:
                assert found["output"] == output_of(case["id"], arm)
            else:
                assert (found["failure"]["kind"], attempts[case["id"], arm]) == ("crash", MAX_ATTEMPTS)
    assert (event.verdict, event.report_digest) == ("inconclusive", digest_of(canonical_bytes(report)))
    assert sum(worker.outcomes["accepted"] for worker in workers) <= 2 * CASES
    assert all(worker.outcomes["accepted"] for worker in workers)


async def test_two_instances_end_an_evaluation_once(engine: AsyncEngine) -> None:
    first, second = Evaluator(engine), Evaluator(engine)
    await first.publish(golden_set(60))
    await first.deliver(requested())
    await asyncio.gather(first.service.advance_all(), second.service.advance_all())
    while tasks := await first.lease(10):
        await second.answer(tasks, lambda task: "yes")
        await asyncio.gather(first.service.advance_all(), second.service.advance_all())
    assert len(await first.emitted()) == len(await first.reports()) == 1
    assert (await first.evaluations())[0].cases == 60


async def test_the_report_does_not_depend_on_who_answers_when(engine: AsyncEngine) -> None:
    evaluator = Evaluator(engine, ahead=1)
    await evaluator.publish(golden_set(40))
    for ahead in (1, 100):
        one = Evaluator(engine, evaluator.clock, ahead)
        evaluator.clock.advance(timedelta(seconds=1))
        await one.deliver(requested())
        await one.run_to_end(lambda task: "yes" if task.arm == "candidate" or task.case_id == "case-7" else "no")
    first, second = await evaluator.evaluations()
    assert first.report_digest == second.report_digest


async def test_answers_and_the_end_of_a_comparison_do_not_block_each_other(engine: AsyncEngine) -> None:
    """The decision closes tasks that are being answered."""
    for seed in range(scaled(3, 30)):
        evaluator, rnd = Evaluator(engine, ahead=200), random.Random(seed)
        evaluator.clock.advance(timedelta(seconds=seed))
        await evaluator.publish(golden_set(100), version=seed + 1)
        await evaluator.deliver(requested())
        await evaluator.service.advance_all()
        tasks = await evaluator.lease(200)
        rnd.shuffle(tasks)
        groups = [tasks[i : i + 20] for i in range(0, len(tasks), 20)]

        async def answer_all(own: Evaluator, parts: list[list[LeasedTask]]) -> None:
            for part in parts:
                await own.answer(part, better)
                await own.service.advance_all()

        await asyncio.gather(answer_all(evaluator, groups[::2]), answer_all(Evaluator(engine), groups[1::2]))
    runs = await evaluator.evaluations()
    assert {(run.state, run.verdict, run.cases) for run in runs} == {("completed", "pass", 8)}
