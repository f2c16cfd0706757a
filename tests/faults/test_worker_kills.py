"""Evaluation workers that are killed while others go on: every case is answered, none under another's lease."""

import random
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.support.evaluation_server import serving
from tests.support.evaluation_tasks import FakeEvaluator
from tests.support.eventually import eventually_sync
from tests.support.uninstrumented import environment_without_coverage

ROOT = Path(__file__).parents[2]
CASES, WORKERS, KILLS = 240, 3, 4
PROGRAM = """
import random, time
from ratchet import Ratchet

def answer(prompt, case):
    time.sleep(random.uniform(0.005, 0.05))
    return case.input

Ratchet().worker(answer, concurrency=4).run()
"""


def start(url: str) -> "subprocess.Popen[bytes]":
    env = environment_without_coverage(RATCHET_URL=url, RATCHET_KEY="k")
    return subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=ROOT, env=env)


def has_answers(tasks: FakeEvaluator, least: int) -> bool:
    return len(tasks.answers) > least


def has_leased(tasks: FakeEvaluator, process_id: int) -> bool:
    """Return whether the worker has asked for tasks: from then on it handles SIGTERM."""
    return any(f"-{process_id}-" in body["worker"] for body in tasks.bodies("leases"))


def test_cases_of_killed_workers_are_answered_by_others() -> None:
    tasks, rnd = FakeEvaluator(lease_s=1.0), random.Random(4)
    tasks.add(*range(CASES))
    with serving(tasks) as server:
        workers = [start(server.url) for _ in range(WORKERS)]
        try:
            for answered in range(0, CASES, CASES // KILLS):
                eventually_sync(partial(has_answers, tasks, answered))
                position = rnd.randrange(WORKERS)
                workers[position].kill()
                workers[position].wait(60)
                workers[position] = start(server.url)
            eventually_sync(lambda: tasks.complete)
            for worker in workers:
                eventually_sync(partial(has_leased, tasks, worker.pid))
        finally:
            for worker in workers:
                worker.terminate()
                worker.wait(60)
    assert tasks.violations == []
    assert tasks.answers == {str(number): number for number in range(CASES)}
    assert {worker.returncode for worker in workers} == {0}
