"""`client.observe`: functions and blocks of the app become executions, and nested ones a trace."""

import asyncio
import contextvars
import inspect
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from ratchet import Ratchet
from tests.support.ratchet_server import FakeServer

Bodies = dict[str, dict[str, Any]]


def recorded(client: Ratchet, server: FakeServer) -> Bodies:
    """Return the recorded executions by target."""
    assert client.flush()
    return {body["target"]: body for body in server.bodies.values() if "target" in body}


def test_an_observed_function_becomes_an_execution(client: Ratchet, server: FakeServer) -> None:
    @client.observe
    def answer(question: str, top: int = 3) -> str:
        """Answer a question."""
        return question.upper()

    assert answer("why?") == "WHY?"
    assert (answer.__name__, answer.__doc__) == ("answer", "Answer a question.")
    assert list(inspect.signature(answer).parameters) == ["question", "top"]
    body = recorded(client, server)["answer"]
    assert (body["input"], body["output"], body["outcome"]) == ("why?", "WHY?", "ok")
    assert body["latency_ms"] >= 0
    assert body["trace_id"] == body["id"]
    assert "parent_id" not in body


def test_a_block_is_observed_and_gets_feedback(client: Ratchet, server: FakeServer) -> None:
    with client.observe("support", input="why?", user="u1", attributes={"plan": "pro", "team": None}) as call:
        call.add(output="because", attributes={"route": "faq"}, contexts=["a"])
        call.add(contexts=["b"], outcome="refused", id="another")
    feedback = client.feedback(call.id, kind="thumb", value=True)
    body = recorded(client, server)["support"]
    assert body["id"] == call.id
    assert (body["input"], body["output"], body["user"]) == ("why?", "because", "u1")
    assert (body["attributes"], body["contexts"]) == ({"plan": "pro", "route": "faq"}, ["a", "b"])
    assert body["outcome"] == "refused"  # what the app says, not that the block ended without an exception
    assert server.bodies[feedback]["execution_id"] == call.id


def test_nested_calls_are_steps_of_one_trace(client: Ratchet, server: FakeServer) -> None:
    @client.observe
    def search(question: str) -> list[str]:
        return [question]

    @client.observe
    def rank(texts: list[str]) -> list[str]:
        return search(texts[0])

    with client.observe("support", session="s1", consent={"learning": False}) as call:
        rank(["a"])
    bodies = recorded(client, server)
    root, outer, inner = bodies["support"], bodies["support/rank"], bodies["support/search"]
    assert {body["trace_id"] for body in bodies.values()} == {call.id}
    assert (outer["parent_id"], inner["parent_id"]) == (root["id"], outer["id"])
    assert inner["session"] == "s1"
    assert inner["consent"] == {"learning": False}
    assert client.current_call() is None


def test_recursion_has_two_targets_only(client: Ratchet, server: FakeServer) -> None:
    @client.observe
    def countdown(number: int) -> int:
        return countdown(number - 1) if number else 0

    countdown(5)
    assert recorded(client, server).keys() == {"countdown", "countdown/countdown"}
    assert len(server.bodies) == 6


@pytest.mark.parametrize(
    ("error", "outcome"), [(ValueError("secret"), "error"), (TimeoutError(), "timeout"), (KeyboardInterrupt(), None)]
)
def test_an_exception_passes_through_and_is_recorded(
    client: Ratchet, server: FakeServer, error: BaseException, outcome: str | None
) -> None:
    @client.observe("support")
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        fail()
    assert raised.value is error
    body = recorded(client, server)["support"]
    assert body.get("outcome") == outcome
    assert body["attributes"] == {"error_type": type(error).__name__}
    assert "secret" not in str(body)


async def test_coroutines_keep_their_own_traces(client: Ratchet, server: FakeServer) -> None:
    @client.observe
    async def step(text: str) -> str:
        await asyncio.sleep(0)
        return text

    @client.observe
    async def answer(text: str) -> str:
        await asyncio.sleep(0)
        return await step(text)

    assert inspect.iscoroutinefunction(answer)
    assert await asyncio.gather(*(answer(str(number)) for number in range(20))) == [str(n) for n in range(20)]
    assert client.flush()
    roots = {body["id"]: body for body in server.bodies.values() if body["target"] == "answer"}
    steps = [body for body in server.bodies.values() if body["target"] == "answer/step"]
    assert len(roots) == len(steps) == 20
    assert all(roots[step["parent_id"]]["input"] == step["input"] for step in steps)


async def test_a_cancelled_coroutine_is_recorded_without_an_outcome(client: Ratchet, server: FakeServer) -> None:
    @client.observe
    async def wait() -> None:
        await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    body = recorded(client, server)["wait"]
    assert "outcome" not in body
    assert body["attributes"] == {"error_type": "CancelledError"}


def test_threads_have_traces_of_their_own_unless_given_the_context(client: Ratchet, server: FakeServer) -> None:
    @client.observe
    def step(number: int) -> int:
        return number

    with client.observe("support") as call, ThreadPoolExecutor(1) as threads:
        threads.submit(step, 1).result()
        threads.submit(contextvars.copy_context().run, step, 2).result()
    bodies = recorded(client, server)
    assert bodies["step"]["input"] == "1"
    assert "parent_id" not in bodies["step"]
    assert (bodies["support/step"]["input"], bodies["support/step"]["parent_id"]) == ("2", call.id)


def test_a_generator_is_observed_until_its_end(client: Ratchet, server: FakeServer) -> None:
    @client.observe
    def words(text: str) -> Iterator[str]:
        with client.observe("inner"):
            pass
        yield from text.split()
        return "done"  # type: ignore[return-value]

    def consume() -> Iterator[str]:
        result = yield from words("a b c")  # type: ignore[func-returns-value]
        assert result == "done"

    seen = []
    for word in consume():
        assert client.current_call() is None  # the consumer's calls are no steps
        seen.append(word)
    assert seen == ["a", "b", "c"]
    body = recorded(client, server)["words"]
    assert (body["output"], body["outcome"]) == ("abc", "ok")
    assert server.bodies[next(iter(server.bodies))]["parent_id"] == body["id"]


def test_a_generator_gets_what_is_sent_and_thrown(client: Ratchet) -> None:
    closed = []

    @client.observe
    def echo() -> Iterator[Any]:
        received = yield "first"
        try:
            yield received
        except KeyError:
            yield "caught"
        finally:
            closed.append(True)

    generator: Any = echo()
    assert next(generator) == "first"
    assert generator.send("sent") == "sent"
    assert generator.throw(KeyError()) == "caught"
    generator.close()
    assert closed == [True]


def test_an_abandoned_generator_is_recorded_with_what_it_yielded(client: Ratchet, server: FakeServer) -> None:
    @client.observe
    def numbers() -> Iterator[int]:
        yield from range(10)

    generator = numbers()
    next(generator), next(generator)
    del generator
    body = recorded(client, server)["numbers"]
    assert body["output"] == [0, 1]
    assert "outcome" not in body
    assert body["attributes"] == {"error_type": "GeneratorExit"}


async def test_async_generators_end_fail_and_are_closed(client: Ratchet, server: FakeServer) -> None:
    closed = []

    @client.observe
    async def words(count: int) -> AsyncIterator[str]:
        try:
            for number in range(count):
                yield str(number)
            if count == 3:
                raise ValueError
        finally:
            closed.append(count)

    assert [word async for word in words(2)] == ["0", "1"]
    with pytest.raises(ValueError):  # noqa: PT011
        [word async for word in words(3)]
    stream: Any = words(5)
    assert await anext(stream) == "0"
    assert client.current_call() is None
    await stream.aclose()
    assert closed == [2, 3, 5]
    assert client.flush()
    found = [(body["output"], body.get("outcome")) for body in server.bodies.values()]
    assert found == [("01", "ok"), ("012", "error"), ("0", None)]


@dataclass
class Order:
    number: int


def test_arguments_are_recorded_by_name_and_objects_by_type(client: Ratchet, server: FakeServer) -> None:
    @client.observe
    def answer(self: object, order: Order, lock: object, history: list[object], *rest: int, **options: bool) -> object:
        history.clear()  # after the call began
        return lock

    lock = threading.Lock()
    answer(object(), Order(7), lock, ["a", {"b": lock}, {1, 2}], 1, 2, fast=True)
    body = recorded(client, server)["answer"]
    kind = f"<{type(lock).__name__}>"
    assert body["input"] == {
        "order": {"number": 7}, "lock": kind, "history": ["a", {"b": kind}, [1, 2]], "args": [1, 2], "fast": True,
    }  # fmt: skip
    assert "output" not in body


def test_input_and_output_can_be_left_out_or_given(client: Ratchet, server: FakeServer) -> None:
    @client.observe("private", capture_input=False, capture_output=False)
    def answer(question: str) -> str:
        return question

    @client.observe("given", input="x")
    def other(question: str) -> str:
        call = client.current_call()
        assert call is not None
        call.add(output="y")
        return question

    answer("secret"), other("secret")
    bodies = recorded(client, server)
    assert not {"input", "output"} & bodies["private"].keys()
    assert (bodies["given"]["input"], bodies["given"]["output"]) == ("x", "y")


def test_rendered_prompts_are_named_by_the_call_that_gets_feedback(client: Ratchet, server: FakeServer) -> None:
    @client.observe
    def step() -> None:
        client.prompt("answer", default="Be brief: {{question}}", target="chat").render(question="why?")

    with client.observe("support", prompts=[{"name": "answer"}, {"name": "other", "version": "v7"}]) as call:
        step()
    with client.observe("support-outside"):
        pass
    bodies = recorded(client, server)
    other, served = bodies["support"]["prompts"]
    assert other == {"name": "other", "version": "v7"}
    assert served["name"] == "answer"
    assert served["digest"].startswith("sha256:")
    assert bodies["support/step"]["prompts"] == bodies["support-outside"]["prompts"] == []
    assert call.target == "support"


def test_a_call_ends_once(client: Ratchet) -> None:
    call = client.begin_call("support", None)
    call.end(outcome="ok")
    call.end(ValueError())
    assert client.counters.accepted == 1


def test_calls_of_two_clients_do_not_mix(client: Ratchet, server: FakeServer) -> None:
    with Ratchet("http://ratchet", "k", transport=server.transport()) as other:
        with client.observe("one") as one, other.observe("two") as two, client.observe("step"):
            assert client.current_call() is not one
            assert other.current_call() is two
        assert other.flush()
    bodies = recorded(client, server)
    assert "parent_id" not in bodies["two"]
    assert bodies["step"]["parent_id"] == one.id


def test_faults_of_ours_do_not_reach_the_app(
    client: Ratchet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> str:
        raise RuntimeError("ours")

    monkeypatch.setattr(client, "record", broken)

    @client.observe
    def answer(question: str) -> str:
        return question

    class Odd:
        __module__ = 5  # type: ignore[assignment]

        def __hash__(self) -> int:
            raise RuntimeError

    assert [answer("why?"), answer("why?")] == ["why?", "why?"]
    assert answer(Odd()) is not None  # type: ignore[arg-type]
    assert [record.message for record in caplog.records] == ["ratchet: a call can't be recorded: RuntimeError: ours"]


def test_none_values_are_dropped(client: Ratchet, server: FakeServer) -> None:
    client.record("chat", attributes={"x": None, "y": 1}, parameters={"x": None}, scores={"x": None}, usage=None)
    assert client.flush()
    (body,) = server.bodies.values()
    assert body["attributes"] == {"y": 1}
    assert not {"parameters", "scores", "usage"} & body.keys()
    assert client.counters.dropped_fields == 0
