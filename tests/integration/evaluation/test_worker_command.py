"""`ratchet worker` as a process: answers, hanging calls, exit codes, and its end."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.evaluation_server import serving
from tests.support.evaluation_tasks import FakeEvaluator
from tests.support.eventually import eventually_sync
from tests.support.uninstrumented import environment_without_coverage

ROOT = Path(__file__).parents[3]
APP = "tests.support.evaluated_app:answer"


@contextmanager
def worker(url: str, *words: str) -> Iterator["subprocess.Popen[str]"]:
    command = [str(Path(sys.executable).with_name("ratchet")), "worker", *words]
    env = environment_without_coverage(RATCHET_URL=url, RATCHET_KEY="k")
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as found:
        try:
            yield found
        finally:
            found.kill()


def test_cases_are_answered_until_sigterm() -> None:
    tasks = FakeEvaluator()
    tasks.add("repeat", replaced={"repeat": 2})
    tasks.add("why?", "raise", "hang", "die", "object")
    with serving(tasks) as server, worker(server.url, APP, "--timeout", "2", "--concurrency", "2") as process:
        eventually_sync(lambda: tasks.complete)
        tasks.add("hang")
        eventually_sync(lambda: list(tasks.tasks.values())[-1].token)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 0
    assert list(tasks.answers.values())[:6] == [2, "Answer why?", "error", "timeout", "crash", "invalid"]
    assert output.startswith("stopped: "), errors
    assert "connected: waiting for cases" in errors
    assert children
    assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]


def test_only_cases_of_named_prompts_are_asked_for() -> None:
    tasks = FakeEvaluator()
    tasks.add("x", name="other")
    with serving(tasks) as server, worker(server.url, APP, "--prompts", "answer", "--prompts", "chat") as process:
        eventually_sync(lambda: tasks.bodies("leases"))
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    assert tasks.bodies("leases")[0]["prompts"] == ["answer", "chat"]
    assert process.returncode == 0
    assert not tasks.complete


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere:answer"], "ModuleNotFoundError"),
        (["tests.support.evaluated_app:nothing"], "has no function nothing"),
        ([APP, "--prompts", "a,b"], "--prompts:"),
    ],
)
def test_wrong_usage_has_exit_code_2(words: list[str], message: str) -> None:
    with worker("http://127.0.0.1:9", *words) as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert message in errors


def test_refused_key_has_exit_code_4() -> None:
    tasks = FakeEvaluator()
    problem = httpx.Response(403, json={"title": "A scope is missing", "detail": "this key lacks the scope evaluate"})
    tasks.faults = [lambda request: problem] * 10_000
    with serving(tasks) as server, worker(server.url, APP) as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 4
    assert errors.splitlines()[-1].endswith("this key lacks the scope evaluate")


def test_missing_key_has_exit_code_2(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("RATCHET_")}
    command = [str(Path(sys.executable).with_name("ratchet")), "worker", APP]
    found = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert (found.returncode, "RATCHET_URL is not set" in found.stderr) == (2, True)
