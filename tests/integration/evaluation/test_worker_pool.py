"""Processes that run an app's function: answers, errors, crashes, time-outs, and their end."""

from collections.abc import Iterator

import psutil
import pytest

from ratchet.prompt import from_text
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.worker_pool import UnusableWorker, WorkerPool
from tests.support.evaluation import golden_case

APP = "tests.support.evaluated_app"
PROMPT = from_text("Answer {{question}}")


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    with WorkerPool(f"{APP}:answer", 2, 3.0) as found:
        yield found


def ask(pool: WorkerPool, text: str) -> AppAnswer:
    return pool.submit(PROMPT, golden_case(input=text), 0).result()


def test_an_app_renders_the_prompt_and_answers(pool: WorkerPool) -> None:
    found = ask(pool, "me?")
    assert (found.output, found.failure) == ("Answer me?", None)
    assert found.latency_ms is not None


def test_a_long_request_and_answer_pass_the_pipe(pool: WorkerPool) -> None:
    assert ask(pool, "x" * 300_000).output == "Answer " + "x" * 300_000


def test_an_execution_has_contexts_tools_and_cost(pool: WorkerPool) -> None:
    found = ask(pool, "all")
    assert found.contexts is not None
    assert found.tools is not None
    assert (found.contexts[0].text, found.tools[0].name, found.cost, found.model) == ("y", "find", 0.5, "m")


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("raise", "error", "RuntimeError: no key"),
        ("exit", "crash", "the process ended with exit code 7"),
        ("die", "crash", "the process ended with exit code 3"),
        ("hang", "timeout", "no answer within 3 s"),
        ("object", "invalid", "the returned value is not valid JSON"),
        ("wrong", "invalid", "the returned value: contexts[0].title: is not a field"),
        ("huge", "invalid", "the answer is longer than 10,000,000 bytes"),
    ],
)
def test_a_failure_is_an_answer_with_its_reason(pool: WorkerPool, text: str, kind: str, message: str) -> None:
    found = ask(pool, text)
    assert found.failure is not None
    assert (found.failure.kind, found.failure.message[: len(message)]) == (kind, message)
    assert ask(pool, "next?").output == "Answer next?"


def test_an_app_that_reads_stdin_gets_nothing(pool: WorkerPool) -> None:
    assert ask(pool, "read").output == ""


def test_coroutine_functions_are_awaited() -> None:
    with WorkerPool(f"{APP}:answer_later", 1, 30.0) as pool:
        assert ask(pool, "later").output == "later"


def test_leaving_ends_a_hanging_process_at_once() -> None:
    before = set(psutil.Process().children(recursive=True))
    with WorkerPool(f"{APP}:answer", 1, 600.0) as pool:
        future = pool.submit(PROMPT, golden_case(input="hang"), 0)
        assert set(psutil.Process().children(recursive=True)) > before
    assert future.cancelled() or future.result().failure is not None
    assert set(psutil.Process().children(recursive=True)) <= before


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("no_such_module:answer", "No module named 'no_such_module'"),
        (APP, "must be module:function"),
        (f"{APP}:nothing", f"{APP} has no function nothing"),
    ],
)
def test_a_function_that_can_not_be_imported_is_refused_before_any_case(function: str, message: str) -> None:
    with pytest.raises(UnusableWorker, match=message), WorkerPool(function, 1, 30.0):
        pass
