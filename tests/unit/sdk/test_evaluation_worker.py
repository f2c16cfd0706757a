"""The evaluation worker against a scripted server: answers, failures, leases, outages and its end."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ratchet import AskedCase, ConfigurationError, HangingFunction, Ratchet, ServedPrompt, ServerUnreachable
from ratchet.client.worker.evaluation_worker import EvaluationWorker
from ratchet.client.worker.function_calls import AnswerFunction
from ratchet.client.worker.function_threads import MAX_HANGING, FunctionThreads
from ratchet.client.worker.leased_tasks import MAX_RETURNED
from ratchet.client.worker.worker_settings import WorkerSettings
from ratchet.errors import WorkerRefused
from ratchet.prompt import PromptError, from_text
from tests.support.evaluation_tasks import PROMPT, FakeEvaluator
from tests.support.eventually import eventually_sync
from tests.support.ratchet_server import FakeServer

QUICK = WorkerSettings(wait_s=0.05, heartbeat_s=0.03, patience_s=0.2, pause=lambda attempt: 0.01)


def echo(prompt: ServedPrompt, case: AskedCase) -> Any:
    return case.input


def new_worker(
    server: FakeEvaluator, function: AnswerFunction = echo, timeout_s: float = 10.0, **parts: Any
) -> EvaluationWorker:
    def connect() -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=server.transport(), base_url="http://ratchet")

    return EvaluationWorker(connect, FunctionThreads(function, timeout_s), WorkerSettings(**{**_fields(), **parts}))


def _fields() -> dict[str, Any]:
    return {name: getattr(QUICK, name) for name in QUICK.__slots__}


@contextmanager
def working(worker: EvaluationWorker) -> Iterator[EvaluationWorker]:
    worker.start()
    try:
        yield worker
    finally:
        eventually_sync(lambda: worker.stop(1.0))


def finish(server: FakeEvaluator, worker: EvaluationWorker) -> None:
    """Let a worker answer all tasks, and stop it."""
    with working(worker):
        eventually_sync(lambda: server.complete, within=60.0)
    assert server.violations == []


def test_cases_are_answered_with_the_candidate_prompt() -> None:
    server = FakeEvaluator()
    server.add("why?", "how?", replaced={"repeat": 3})
    seen: list[tuple[str, str, int]] = []

    def answer(prompt: ServedPrompt, case: AskedCase) -> dict[str, str]:
        seen.append((prompt.name, case.id, case.repeat))
        return {"output": prompt.text(question=case.input)}

    finish(server, worker := new_worker(server, answer))
    assert server.answers == {'"why?"': {"output": "Answer why?"}, '"how?"': {"output": "Answer how?"}}
    assert sorted(seen) == [("answer", "task-0", 3), ("answer", "task-1", 3)]
    assert (worker.counters.leased, worker.counters.answered, worker.counters.failed) == (2, 2, 0)
    assert all(task.answer and task.answer["ms"] >= 0.0 for task in server.tasks.values())


def test_client_creates_a_worker_for_coroutine_functions() -> None:
    server = FakeEvaluator()
    server.add(*range(6))
    server.add("other", name="other")
    loops: set[int] = set()

    async def answer(prompt: ServedPrompt, case: AskedCase) -> Any:
        loops.add(id(asyncio.get_running_loop()))
        await asyncio.sleep(0)
        return case.input

    with Ratchet("http://ratchet", "k", transport=server.transport()) as client:
        worker = client.worker(answer, prompts=["answer"], concurrency=2)
        worker.start()
        eventually_sync(lambda: len(server.answers) == 6)
        assert worker.stop()
    assert len(loops) == 1
    assert {body["max"] for body in server.bodies("leases")} <= {1, 2}
    assert server.tasks["task-6"].answer is None, "the case of another prompt is not leased"
    with pytest.raises(ConfigurationError):
        worker.start()


def test_calls_run_beside_each_other_up_to_the_concurrency() -> None:
    server = FakeEvaluator()
    server.add(*range(9))
    together = threading.Barrier(3)

    def answer(prompt: ServedPrompt, case: AskedCase) -> Any:
        return together.wait(60.0) < 3

    finish(server, new_worker(server, answer, concurrency=3))
    assert set(server.answers.values()) == {True}


def misbehave(prompt: ServedPrompt, case: AskedCase) -> Any:
    match case.input:
        case "raise":
            raise RuntimeError("no key")
        case "exit":
            raise SystemExit(3)
        case "object":
            return object()
        case "nan":
            return float("nan")
        case "long":
            return "x" * (MAX_RETURNED + 1)
        case "hang":
            time.sleep(3.0)
        case "later":
            return asyncio.sleep(30.0)
        case "exit later":
            return leave()
    return case.input


async def leave() -> None:
    raise SystemExit(3)


def test_failures_of_the_function_are_answers() -> None:
    server = FakeEvaluator()
    server.add("raise", "exit", "object", "nan", "long", "hang", "later", "exit later", "fine")
    finish(server, worker := new_worker(server, misbehave, timeout_s=2.0, concurrency=9))
    kinds = ["error", "error", "invalid", "invalid", "invalid", "timeout", "timeout", "error", "fine"]
    assert list(server.answers.values()) == kinds
    assert worker.counters.failed == 8
    first = server.tasks["task-0"].answer
    assert first is not None
    assert first["failure"] == {"kind": "error", "message": "RuntimeError: no key"}


def test_coroutine_that_blocks_its_loop_leaves_the_others_alone() -> None:
    server = FakeEvaluator()
    release = threading.Event()

    async def answer(prompt: ServedPrompt, case: AskedCase) -> Any:
        if case.input == "block":
            release.wait(60.0)
        return case.input

    server.add("block")
    with working(new_worker(server, answer, timeout_s=0.1)):
        eventually_sync(lambda: server.complete)
        assert server.answers == {'"block"': "timeout"}
        eventually_sync(lambda: ask(server, "next") == "next", within=60.0)
    release.set()


def ask(server: FakeEvaluator, text: str) -> Any:
    """Add a case, and return its answer."""
    server.add(text)
    eventually_sync(lambda: server.complete)
    return list(server.answers.values())[-1]


def test_function_that_always_hangs_ends_the_worker() -> None:
    server, release = FakeEvaluator(), threading.Event()
    server.add(*range(MAX_HANGING + 8))
    worker = new_worker(server, lambda prompt, case: release.wait(30.0), timeout_s=0.02, concurrency=8)
    with pytest.raises(HangingFunction, match="hang after their time-out"):
        worker.run()
    release.set()
    assert set(server.answers.values()) == {"timeout"}


def test_task_that_cannot_be_read_is_answered() -> None:
    server = FakeEvaluator()
    other = from_text("Answer {{question}} briefly")
    wrong = {"name": "answer", "digest": PROMPT.digest, "document": other.to_dict()}
    parts: dict[str, Any]
    for parts in ({"prompt": wrong}, {"prompt": {**wrong, "document": {"schema": "ratchet.prompt/9"}}}, {"case": {}}):
        server.add("x", replaced=parts)
    with working(new_worker(server)):
        eventually_sync(lambda: server.complete)
    answers = [task.answer for task in server.tasks.values()]
    assert [answer and answer["failure"]["kind"] for answer in answers] == ["invalid"] * 3
    assert answers[0] is not None
    assert answers[0]["failure"]["message"].startswith("the prompt's document is not that of its digest")


def test_lost_lease_is_dropped_and_its_answer_never_sent() -> None:
    server, release = FakeEvaluator(), threading.Event()
    server.add("slow")
    calls: list[str] = []

    def answer(prompt: ServedPrompt, case: AskedCase) -> Any:
        calls.append(case.id)
        return len(calls) if len(calls) > 1 else release.wait(60.0)

    with working(new_worker(server, answer)) as worker:
        eventually_sync(lambda: len(calls) == 1)
        server.expire()
        eventually_sync(lambda: server.complete)
        release.set()
        assert worker.counters.lost == 1
    assert server.answers == {'"slow"': 2}
    assert len([each for body in server.bodies("answers") for each in body["answers"]]) == 1


def test_held_leases_are_extended() -> None:
    server, release = FakeEvaluator(), threading.Event()
    server.add("slow")
    with working(new_worker(server, lambda prompt, case: release.wait(60.0))) as worker:
        eventually_sync(lambda: len(server.bodies("heartbeats")) >= 2)
        release.set()
        eventually_sync(lambda: worker.counters.answered == 1)
    token = server.tasks["task-0"].token
    assert server.bodies("heartbeats")[0] == {"tasks": [{"task_id": "task-0", "token": token}]}


def refused(request: httpx.Request) -> httpx.Response:
    return httpx.Response(503, headers={"retry-after": "0"})


def unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def another_server(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"hello": "world"})


def nonsense(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=b"[" * 100_000)


def limited(request: httpx.Request) -> httpx.Response:
    return httpx.Response(429, headers={"retry-after": "0"})


def forgotten_key(request: httpx.Request) -> httpx.Response:
    return httpx.Response(401, json={"title": "unknown key"})


FAULTS = [refused, unreachable, another_server, nonsense, limited, forgotten_key]


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_each_case_is_answered_once_whatever_fails(data: st.DataObject) -> None:
    """Faults before and after the effect, expired leases, and two workers; each answer belongs to its token's case."""
    server = FakeEvaluator()
    count = data.draw(st.integers(1, 12))
    server.add(*range(count))

    def expire(request: httpx.Request) -> None:
        server.expire()

    def lose(request: httpx.Request) -> None:
        server.lose_answers += 1

    def let_pass(request: httpx.Request) -> None:
        return None

    steps = st.sampled_from([*FAULTS, expire, lose, let_pass, let_pass])
    server.faults = data.draw(st.lists(steps, max_size=20))
    first, second = new_worker(server, concurrency=3, patience_s=None), new_worker(server, patience_s=None)
    with working(first), working(second):
        eventually_sync(lambda: server.complete, within=60.0)
    assert server.violations == []
    assert server.answers == {str(number): number for number in range(count)}


def test_restart_of_the_server_in_the_middle_loses_nothing() -> None:
    server, release = FakeEvaluator(), threading.Event()
    server.add(*range(8))
    with working(new_worker(server, lambda prompt, case: release.wait(60.0) and case.input)):
        eventually_sync(lambda: server.bodies("leases"))
        server.faults = [unreachable] * 12
        release.set()
        eventually_sync(lambda: server.complete)
    assert server.answers == {str(number): number for number in range(8)}


def test_refused_answers_are_sent_alone_and_then_replaced() -> None:
    server = FakeEvaluator()
    server.add("a", "b", "c", "d", "e")
    server.refuse = lambda answers: 422 if any(each.get("returned") == "c" for each in answers) else None
    finish(server, new_worker(server, concurrency=5))
    assert server.answers == {'"a"': "a", '"b"': "b", '"c"': "invalid", '"d"': "d", '"e"': "e"}


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refused_worker_ends_with_the_reason(status: int) -> None:
    server = FakeEvaluator()
    server.faults = [lambda request: httpx.Response(status, json={"detail": "this key lacks evaluate"})] * 1_000
    with pytest.raises(WorkerRefused, match="this key lacks evaluate") as caught:
        new_worker(server).run()
    assert caught.value.status == status


def test_unreachable_server_ends_a_run_only_before_the_first_response() -> None:
    server = FakeEvaluator()
    server.faults = [unreachable] * 1_000
    with pytest.raises(ServerUnreachable, match="ConnectError"):
        new_worker(server).run()
    server.faults = [lambda request: None, *[unreachable] * 15]  # longer than its patience
    worker = new_worker(server)
    thread = threading.Thread(target=worker.run)
    thread.start()
    eventually_sync(lambda: not server.faults)
    server.add("late")
    eventually_sync(lambda: server.complete)
    assert worker.stop()
    thread.join()


def test_started_worker_waits_for_a_key_that_is_not_known_yet() -> None:
    server = FakeEvaluator()
    server.add("x")
    server.faults = [forgotten_key] * 10
    finish(server, new_worker(server, patience_s=0.0))


def test_stop_lets_calls_end_and_leaves_the_rest() -> None:
    server, started, release = FakeEvaluator(), threading.Semaphore(0), threading.Event()
    server.add("quick", "stuck", "never leased")

    def answer(prompt: ServedPrompt, case: AskedCase) -> Any:
        started.release()
        return release.wait(60.0) if case.input == "stuck" else case.input if release.wait(0.1) else "quick"

    worker = new_worker(server, answer, concurrency=2)
    worker.start()
    started.acquire()
    started.acquire()
    server.tasks["task-2"].token = "another worker's"
    before = time.monotonic()
    eventually_sync(lambda: worker.stop(2.0))
    assert time.monotonic() - before < 15, "not as long as the stuck call takes"
    release.set()
    assert server.answers == {'"quick"': "quick"}
    assert worker.stop()


def test_worker_can_be_stopped_before_it_starts() -> None:
    server = FakeEvaluator()
    worker = new_worker(server)
    assert worker.stop()
    worker.run()
    assert server.requests == []


def test_sigterm_ends_a_run() -> None:
    server = FakeEvaluator()
    server.add("x")

    def answer(prompt: ServedPrompt, case: AskedCase) -> str:
        signal.raise_signal(signal.SIGTERM)
        return "answered"

    before = signal.getsignal(signal.SIGTERM)
    new_worker(server, answer).run()
    assert server.answers == {'"x"': "answered"}
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_a_call_records_is_not_sent() -> None:
    tasks, server = FakeEvaluator(), FakeServer()
    tasks.add("x")
    with Ratchet("http://ratchet", "k", transport=server.transport()) as client:

        @client.observe("chat")
        async def answer(prompt: ServedPrompt, case: AskedCase) -> str:
            await asyncio.to_thread(client.feedback, client.record("chat"), kind="thumb", value=True)
            return "y"

        finish(tasks, new_worker(tasks, answer))
        assert tasks.answers == {'"x"': "y"}
        outside = client.record("chat")
        assert client.flush()
    assert list(server.effects) == [outside]


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda client: client.worker("no function"), ConfigurationError),
        (lambda client: client.worker(echo, prompts="answer"), ConfigurationError),
        (lambda client: client.worker(echo, prompts=["a,b"]), PromptError),
        (lambda client: client.worker(echo, concurrency=0), ConfigurationError),
        (lambda client: client.worker(echo, timeout_s=0.0), ConfigurationError),
    ],
)
def test_wrong_arguments_are_named(make: Callable[[Ratchet], Any], error: type[Exception]) -> None:
    with Ratchet("http://ratchet", "k", transport=FakeServer().transport()) as client, pytest.raises(error):
        make(client)
