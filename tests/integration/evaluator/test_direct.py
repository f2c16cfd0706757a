"""Evaluations whose cases a model's endpoint answers: a local server, the database, and the budget."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from evaluator.direct_service import DirectService
from evaluator.direct_setup import direct_jobs
from evaluator.domain.direct_terms import DirectTerms
from evaluator.settings import EvaluatorSettings
from evaluator.storage.set_cache import PublishedSetCache
from evaluator.task_service import TaskService
from evaluator.task_signal import TaskSignal
from ratchet_evaluation.endpoints.model_client import ModelClient
from ratchet_evaluation.endpoints.model_endpoint import ModelEndpoint
from shared.runtime.background import cancel_all
from tests.support.evaluation import golden_set
from tests.support.evaluator_service import PROMPT, SCOPE, Evaluator, requested
from tests.support.eventually import eventually
from tests.support.judge_server import JudgeServer, judge_server
from tests.support.judges import completion


@pytest.fixture
def server() -> Iterator[JudgeServer]:
    with judge_server() as found:
        found.respond = say_the_price
        yield found


def say_the_price(body: dict[str, Any]) -> Any:
    """Answer rightly if the prompt asks for the price, as the candidate does."""
    return completion("yes" if "price" in str(body["messages"]) else "no")


@pytest.fixture
async def client(server: JudgeServer) -> AsyncIterator[ModelClient]:
    async def at_once(seconds: float) -> None: ...

    found = ModelClient(ModelEndpoint(server.url, api_key="k", calls_per_minute=1e6, concurrency=8), sleep=at_once)
    yield found
    await found.close()


def direct(evaluator: Evaluator, client: ModelClient, **terms: Any) -> DirectService:
    tasks = TaskService(evaluator.store, evaluator.clock, PublishedSetCache(), TaskSignal(), lambda: None)
    given: dict[str, Any] = {
        "project": SCOPE[0], "environment": SCOPE[1], "prompts": (PROMPT,), "model": "m", "concurrency": 8,
        "calls_per_day": 1000, "tokens_per_day": 1_000_000, **terms,
    }  # fmt: skip
    return DirectService(evaluator.store, evaluator.clock, tasks, client, DirectTerms(**given))


async def answer_all(evaluator: Evaluator, service: DirectService) -> None:
    await evaluator.service.advance_all()
    while await service.answer_next():
        await evaluator.service.advance_all()


async def test_endpoint_answers_instead_of_an_app(
    evaluator: Evaluator, client: ModelClient, server: JudgeServer
) -> None:
    await evaluator.publish(golden_set(40))
    await evaluator.deliver(requested())
    await answer_all(evaluator, direct(evaluator, client))
    (event,) = await evaluator.emitted()
    assert (event.verdict, event.cases, event.difference) == ("pass", 8, 1.0)
    assert server.authorisations == {"Bearer k"}
    path, body = server.requests[0]
    assert (path, body["model"]) == ("/v1/chat/completions", "m")
    assert body["messages"][-1] == {"role": "user", "content": body["messages"][-1]["content"]}
    ((calls, tokens),) = await evaluator.rows("SELECT calls, tokens FROM evaluator.direct_usage")
    assert calls == len(server.requests)
    assert tokens > 0


async def test_failures_are_failed_cases_with_their_error(
    evaluator: Evaluator, client: ModelClient, server: JudgeServer
) -> None:
    replies: Iterator[Any] = iter([400, "no JSON", {"choices": []}])
    server.respond = lambda body: next(replies, 500)
    await evaluator.publish(golden_set(3))
    await evaluator.deliver(requested())
    await answer_all(evaluator, direct(evaluator, client, concurrency=1))
    (report,) = await evaluator.reports()
    messages = {
        answer["failure"]["message"] for case in report["cases"] for answer in case["candidate"] + case["baseline"]
    }
    assert report["verdict"] == "inconclusive"
    assert messages == {
        "the endpoint refused the request with status 400",
        "the endpoint did not reply with JSON",
        "the endpoint's reply is not a chat completion",
        "the endpoint replied with status 500, 3 times",
    }


@pytest.mark.parametrize("budget", [{"calls_per_day": 3}, {"tokens_per_day": 60_000, "concurrency": 1}])
async def test_budget_of_the_day_stops_without_failed_cases(
    evaluator: Evaluator, client: ModelClient, server: JudgeServer, budget: dict[str, int]
) -> None:
    server.respond = lambda body: {**completion("yes"), "usage": {"prompt_tokens": 15_000, "completion_tokens": 0}}
    await evaluator.publish(golden_set(40))
    await evaluator.deliver(requested())
    await evaluator.service.advance_all()
    service = direct(evaluator, client, **budget)
    answered = 0
    while (count := await service.answer_next()) is not None:
        answered += count
    assert answered == len(server.requests) == 3
    failed = await evaluator.rows("SELECT 1 FROM evaluator.evaluation_tasks WHERE answer ? 'failure'")
    assert failed == []


async def test_other_prompts_are_left_to_workers(evaluator: Evaluator, client: ModelClient) -> None:
    await evaluator.publish(golden_set(3))
    await evaluator.deliver(requested())
    await evaluator.service.advance_all()
    assert await direct(evaluator, client, prompts=("other",)).answer_next() == 0


def test_endpoint_needs_the_names_of_its_prompts(settings: EvaluatorSettings) -> None:
    given = settings.model_dump()
    with pytest.raises(ValidationError, match="RATCHET_DIRECT_PROMPTS"):
        EvaluatorSettings(**{**given, "direct_url": "http://127.0.0.1/v1"})
    named = EvaluatorSettings(**{**given, "direct_url": "http://127.0.0.1/v1", "direct_prompts": "answer, reply"})
    assert named.direct_names() == ("answer", "reply")


def test_an_unreadable_key_file_is_named(
    settings: EvaluatorSettings, evaluator: Evaluator, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"direct_url": "http://model.test/v1", "direct_prompts": PROMPT, "direct_key_file": "/nowhere/key"}
    configured = EvaluatorSettings(**{**settings.model_dump(), **given})
    tasks = TaskService(evaluator.store, evaluator.clock, PublishedSetCache(), TaskSignal(), lambda: None)
    with pytest.raises(SystemExit):
        direct_jobs(configured, evaluator.store, evaluator.clock, tasks)
    assert "RATCHET_DIRECT_KEY_FILE can't be read: FileNotFoundError" in capsys.readouterr().err


async def test_configured_evaluator_answers_by_itself(
    settings: EvaluatorSettings, evaluator: Evaluator, server: JudgeServer
) -> None:
    """The job of the app, as it is wired from settings."""
    project, environment = SCOPE
    given = {"direct_url": server.url, "direct_prompts": PROMPT, "direct_model": "m", "direct_calls_per_minute": 1e6}
    here = {"direct_project": project, "direct_environment": environment}
    configured = EvaluatorSettings(**{**settings.model_dump(), **given, **here})
    tasks = TaskService(evaluator.store, evaluator.clock, PublishedSetCache(), TaskSignal(), lambda: None)
    (answer,) = direct_jobs(configured, evaluator.store, evaluator.clock, tasks)
    await evaluator.publish(golden_set(10))
    await evaluator.deliver(requested())
    await evaluator.service.advance_all()
    job = asyncio.ensure_future(answer())

    async def completed() -> bool:
        await evaluator.service.advance_all()
        return bool(await evaluator.emitted())

    try:
        await eventually(completed)
    finally:
        await cancel_all([job])
    assert (await evaluator.emitted())[0].verdict == "pass"
