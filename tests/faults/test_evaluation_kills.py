"""An evaluation whose workers and server are killed: each case is answered once in the report, and none is lost."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from ratchet.prompt import from_text
from ratchet.prompt.canonical import canonical_bytes, digest_of
from tests.support import fork_server
from tests.support.evaluation import golden_set
from tests.support.eventually import PATIENCE_S, eventually_sync
from tests.support.local import LocalRunner
from tests.support.migrated_data import make_migrated
from tests.support.soak import scaled
from tests.support.uninstrumented import environment_without_coverage

ROOT = Path(__file__).parents[2]
CASES, KILLS, WORKERS = scaled((100, 2, 4), (1000, 12, 4))
PROGRAM = """
import random, time
from ratchet import Ratchet

def answer(prompt, case):
    time.sleep(random.uniform(0.01, 0.2))
    return "yes, " + case.id + prompt.text()

Ratchet().worker(answer, concurrency=4).run()
"""
BASE, CANDIDATE = from_text(" by base"), from_text(" by candidate")


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[LocalRunner]:
    runner = LocalRunner(make_migrated(tmp_path / "data"), start_process=fork_server.start)
    runner.start()
    yield runner
    runner.stop_all()


@contextmanager
def worker(url: str, key: str) -> Iterator["subprocess.Popen[bytes]"]:
    env = environment_without_coverage(RATCHET_URL=url, RATCHET_KEY=key)
    with subprocess.Popen([sys.executable, "-c", PROGRAM], cwd=ROOT, env=env) as process:
        try:
            yield process
        finally:
            process.kill()


def call(runner: LocalRunner, method: str, path: str, body: object = None, key: str = "maker_key") -> Any:
    headers = {"authorization": f"Bearer {runner.credentials[key]}"}
    response = httpx.request(method, runner.url + path, json=body, headers=headers, timeout=PATIENCE_S)
    assert response.is_success, response.text
    return response.json()


def publish(runner: LocalRunner) -> None:
    cases = golden_set(CASES).cases
    # Again while the evaluator does not know the key yet.
    eventually_sync(lambda: call(runner, "PUT", "/v1/datasets/cases", {"target": "bot"}))
    for i in range(0, CASES, 500):
        part = cases[i : i + 500]
        call(runner, "POST", "/v1/datasets/cases/cases", {"cases": [case.to_json() for case in part]})
        call(runner, "POST", "/v1/datasets/cases/reviews", {"state": "accepted", "cases": [case.id for case in part]})
    call(runner, "POST", "/v1/datasets/cases/versions", {})


@pytest.mark.postgres
@pytest.mark.timeout(scaled(1200, 2400))  # longer than our own deadlines, whose messages say more
def test_each_case_is_answered_once_though_workers_and_server_are_killed(runner: LocalRunner) -> None:
    rnd = random.Random(3)
    publish(runner)
    body = {"target": "bot", "name": "answer", "base": BASE.to_dict(), "document": CANDIDATE.to_dict()}
    # Equal answers decide nothing: all cases are needed.
    run = call(runner, "POST", "/v1/evaluations", {**body, "settings": {"goal": "better"}})
    issued = call(runner, "POST", "/v1/keys", {"subject": "w", "scopes": ["evaluate"]}, "admin_key")
    path = f"/v1/evaluations/{run['id']}"

    def answered() -> int:
        progress = call(runner, "GET", path)["progress"]
        return int(progress["answered"]) if progress else 2 * CASES

    with ExitStack() as stack:
        workers = [stack.enter_context(worker(runner.url, issued["key"])) for _ in range(WORKERS)]
        for kill in range(KILLS):
            least = 2 * CASES * (kill + 1) // (KILLS + 2)
            eventually_sync(lambda least=least: answered() >= least, within=300)  # type: ignore[misc]
            position = rnd.randrange(WORKERS)
            workers[position].kill()
            workers[position] = stack.enter_context(worker(runner.url, issued["key"]))
            if kill == KILLS // 2:
                runner.kill()
                runner.start()
        eventually_sync(lambda: call(runner, "GET", path)["state"] == "completed", within=scaled(200, 1500))
    report = call(runner, "GET", f"{path}/report")
    cases = report["content"]["cases"]
    assert [case["id"] for case in cases] == sorted(case.id for case in golden_set(CASES).cases)
    for case in cases:
        assert [each["output"] for each in case["candidate"]] == [f"yes, {case['id']} by candidate"]
        assert [each["output"] for each in case["baseline"]] == [f"yes, {case['id']} by base"]
    assert digest_of(canonical_bytes(report["content"])) == report["digest"]
    assert json.dumps(report["measurements"]).count(f'"answers": {CASES}') == 2
