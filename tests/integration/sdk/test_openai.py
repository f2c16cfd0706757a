"""The adapter for OpenAI's client, which is the real one, against a local server."""

import asyncio
import copy
import gc
import logging
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from ratchet import Ratchet, UnsupportedClient
from ratchet.integrations.openai import wrap_openai
from tests.integration.sdk.conftest import Recorded
from tests.support.model_server import ModelServer

TOOL: Any = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
MESSAGES: Any = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Weather in Paris?"}]
IMAGE: Any = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
CALLED = [{"name": "get_weather", "arguments": '{"city":"Paris"}'}]


@pytest.fixture
def api(models: ModelServer, client: Ratchet) -> OpenAI:
    return wrap_openai(OpenAI(base_url=f"{models.url}/v1", api_key="x", max_retries=0), client)


@pytest.fixture
def asynchronous(models: ModelServer, client: Ratchet) -> AsyncOpenAI:
    return wrap_openai(AsyncOpenAI(base_url=f"{models.url}/v1", api_key="x", max_retries=0), client)


def ask(api: OpenAI, kind: str = "answer", **more: Any) -> Any:
    return api.chat.completions.create(model=kind, messages=MESSAGES, **more)


def test_a_completion_is_recorded_and_reaches_the_app_unchanged(
    api: OpenAI, models: ModelServer, recorded: Recorded
) -> None:
    plain = OpenAI(base_url=f"{models.url}/v1", api_key="x")
    given: dict[str, Any] = {"temperature": 0.5, "stop": ["\n"], "user": "u1", "tools": [TOOL]}
    completion = ask(api, **given)
    assert completion == ask(plain, **given)
    assert models.requests[0] == models.requests[1]
    body = recorded.only()
    assert (body["target"], body["model"], body["outcome"]) == ("openai", "gpt-4o-2024-08-06", "ok")
    assert (body["input"], body["output"]) == ([{"role": "user", "content": "Weather in Paris?"}], "Paris is rainy.")
    assert body["parameters"] == {"temperature": 0.5, "stop": '["\\n"]'}
    assert body["usage"]["prompt_tokens"] == 11
    assert body["usage"]["completion_tokens"] == 7
    assert body["latency_ms"] > 0
    assert body["attributes"] == {"finish_reason": "stop", "response_id": "chatcmpl-1"}
    assert not {"trace_id", "parent_id"} & body.keys() or body["trace_id"] == body["id"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("kind", "outcome", "output"),
    [
        ("answer", "ok", "Paris is rainy."),
        ("tools", "ok", {"role": "assistant", "content": None, "tool_calls": CALLED}),
        ("refusal", "refused", "I can't help with that."),
        ("filtered", "refused", None),
    ],
)
def test_answers_have_the_same_record_whole_and_streamed(
    api: OpenAI, recorded: Recorded, stream: bool, kind: str, outcome: str, output: object
) -> None:
    more: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    answer = ask(api, kind, **more)
    if stream:
        assert isinstance(answer, openai.Stream)
        assert len(list(answer)) > 2
    body = recorded.only()
    assert (body["outcome"], body.get("output")) == (outcome, output)
    assert body["usage"]["prompt_tokens"] == 11
    assert bool(body.get("tools")) == (kind == "tools")
    assert ("time_to_first_token_ms" in body) == (stream and kind != "filtered")


async def test_the_asynchronous_client_is_recorded_too(asynchronous: AsyncOpenAI, recorded: Recorded) -> None:
    await asynchronous.chat.completions.create(model="tools", messages=MESSAGES)
    stream = await asynchronous.chat.completions.create(model="answer", messages=MESSAGES, stream=True)
    assert isinstance(stream, openai.AsyncStream)
    texts = [chunk.choices[0].delta.content or "" async for chunk in stream]
    assert "".join(texts) == "Paris is rainy."
    whole, streamed = recorded.all()
    assert whole["tools"]
    assert streamed["output"] == "Paris is rainy."
    assert 0 < streamed["time_to_first_token_ms"] <= streamed["latency_ms"]


@pytest.mark.parametrize("kind", ["answer", "tools", "refusal", "failed"])
def test_responses_have_the_same_record_whole_and_streamed(api: OpenAI, recorded: Recorded, kind: str) -> None:
    given: Any = [{"role": "user", "content": "Weather in Paris?"}]
    api.responses.create(model=kind, input=given, instructions="Be brief.", max_output_tokens=50)
    list(api.responses.create(model=kind, input=given, max_output_tokens=50, stream=True))
    whole, streamed = recorded.all()
    changing = {"id", "trace_id", "latency_ms", "occurred_at", "time_to_first_token_ms", "parameters"}
    assert {k: v for k, v in whole.items() if k not in changing} == {
        k: v for k, v in streamed.items() if k not in changing
    }
    assert whole["input"] == given
    assert whole["parameters"] == {"max_output_tokens": 50}
    assert whole["outcome"] == {"refusal": "refused", "failed": "error"}.get(kind, "ok")
    assert ("usage" in whole) == (kind != "failed")


@pytest.mark.parametrize(("kind", "error"), [("429", openai.RateLimitError), ("500", openai.InternalServerError)])
async def test_errors_reach_the_app_and_are_recorded(
    api: OpenAI, asynchronous: AsyncOpenAI, recorded: Recorded, kind: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(api, kind)
    with pytest.raises(error):
        await asynchronous.chat.completions.create(model=kind, messages=MESSAGES, stream=True)
    for body in recorded.all():
        assert (body["outcome"], body["model"]) == ("error", kind)
        assert body["attributes"] == {"error_type": error.__name__, "http_status": int(kind)}
        assert "secret" not in str(body)


def test_retries_are_one_call_and_a_timeout_is_one(models: ModelServer, client: Ratchet, recorded: Recorded) -> None:
    api = wrap_openai(OpenAI(base_url=f"{models.url}/v1", api_key="x", max_retries=1), client)
    quick = api.with_options(timeout=2.0, max_retries=0)  # enough to send the request
    with pytest.raises(openai.InternalServerError):
        ask(api, "500")
    with pytest.raises(openai.APITimeoutError):
        list(ask(quick, "waiting", stream=True))
    assert len(models.requests) == 3
    assert [body["outcome"] for body in recorded.all()] == ["error", "timeout"]


@pytest.mark.parametrize(("kind", "outcome"), [("cut", "error"), ("broken", "error")])
def test_a_stream_that_fails_is_recorded_with_what_arrived(
    api: OpenAI, recorded: Recorded, kind: str, outcome: str
) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011
        list(ask(api, kind, stream=True))
    body = recorded.only()
    assert (body["outcome"], body["output"]) == (outcome, "Paris is rainy.")


@pytest.mark.parametrize("how", ["closed", "left", "dropped"])
def test_an_abandoned_stream_is_recorded_with_what_was_read(
    api: OpenAI, client: Ratchet, recorded: Recorded, how: str
) -> None:
    stream = ask(api, stream=True)
    next(stream), next(stream)
    if how == "closed":
        stream.close()
    elif how == "left":
        with stream:
            pass
    else:
        del stream
        gc.collect()
    body = recorded.only()
    assert body["output"] == "Paris "
    assert "outcome" not in body
    assert body["attributes"]["stream"] == "abandoned"


async def test_a_cancelled_stream_is_recorded(asynchronous: AsyncOpenAI, recorded: Recorded) -> None:
    arrived = asyncio.Event()

    async def read() -> None:
        stream = await asynchronous.chat.completions.create(model="waiting", messages=MESSAGES, stream=True)
        async for chunk in stream:
            if chunk.choices[0].delta.content == "rainy.":
                arrived.set()

    task = asyncio.create_task(read())
    await asyncio.wait_for(arrived.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    body = recorded.only()
    assert body["output"] == "Paris is rainy."
    assert "outcome" not in body
    assert body["attributes"]["error_type"] == "CancelledError"


def test_the_first_chunk_reaches_the_app_before_the_last_is_sent(
    api: OpenAI, models: ModelServer, recorded: Recorded
) -> None:
    stream = ask(api, "waiting", stream=True)
    seen = [next(stream).choices[0].delta.content for _ in range(4)]
    assert seen == ["", "Paris ", "is ", "rainy."]
    models.release.set()
    assert [chunk.choices[0].finish_reason for chunk in stream] == ["stop"]
    body = recorded.only()
    assert body["outcome"] == "ok"
    assert body["time_to_first_token_ms"] < body["latency_ms"]


async def test_helpers_and_raw_responses_are_recorded(
    api: OpenAI, asynchronous: AsyncOpenAI, recorded: Recorded
) -> None:
    with api.chat.completions.stream(model="answer", messages=MESSAGES) as stream:
        assert stream.get_final_completion().choices[0].message.content == "Paris is rainy."
    with api.responses.stream(model="answer", input="Why?") as responses:
        assert responses.get_final_response().output_text == "Paris is rainy."
    assert api.chat.completions.parse(model="answer", messages=MESSAGES).choices[0].message.content
    raw = api.chat.completions.with_raw_response.create(model="answer", messages=MESSAGES)
    assert raw.parse() is raw.parse()
    raw_stream = await asynchronous.chat.completions.with_raw_response.create(
        model="answer", messages=MESSAGES, stream=True
    )
    assert [chunk async for chunk in raw_stream.parse()]
    bodies = recorded.all()
    assert [body["output"] for body in bodies] == ["Paris is rainy."] * 5


def test_a_recorded_stream_stands_for_the_stream(api: OpenAI, recorded: Recorded) -> None:
    stream = ask(api, stream=True)
    assert stream.response.status_code == 200
    assert isinstance(copy.copy(stream), openai.Stream)
    with pytest.raises(AttributeError):
        _ = stream.unknown
    assert len(list(stream)) == 5
    assert recorded.only()["outcome"] == "ok"


def test_a_raw_response_that_is_not_parsed_is_recorded_without_output(api: OpenAI, recorded: Recorded) -> None:
    with api.chat.completions.with_streaming_response.create(model="answer", messages=MESSAGES) as response:
        assert b"rainy" in response.read()
    del response
    gc.collect()
    body = recorded.only()
    assert "output" not in body
    assert body["outcome"] == "ok"


def test_prompts_are_found_by_their_texts(api: OpenAI, client: Ratchet, recorded: Recorded) -> None:
    prompt = client.prompt("answer", default="Answer briefly: {{question}}", target="chat")
    other = client.prompt("other", default="Another: {{question}}")
    other.render(question="why?")
    rendered: Any = prompt.render(question="why?")
    api.chat.completions.create(model="answer", messages=[*rendered, {"role": "user", "content": "More"}])
    ask(api)
    named, unnamed = recorded.all()
    assert [(use["name"], use["digest"]) for use in named["prompts"]] == [("answer", prompt.digest)]
    assert (named["target"], unnamed["target"], unnamed["prompts"]) == ("chat", "openai", [])


def test_calls_inside_an_observed_call_are_its_steps(api: OpenAI, client: Ratchet, recorded: Recorded) -> None:
    prompt = client.prompt("answer", default="Answer briefly: {{question}}", target="chat")

    @client.observe("support", user="u1")
    def answer(question: str) -> Any:
        rendered: Any = prompt.render(question=question)
        return api.chat.completions.create(model="answer", messages=rendered).choices[0].message.content

    answer("why?")
    step, root = recorded.all()
    assert (step["target"], step["parent_id"], step["trace_id"]) == ("support/openai", root["id"], root["id"])
    assert (step["user"], step["prompts"]) == ("u1", [])
    assert step["attributes"]["prompt_digest"] == prompt.digest
    assert [use["name"] for use in root["prompts"]] == ["answer"]
    assert (root["model"], root["output"]) == ("gpt-4o-2024-08-06", "Paris is rainy.")


def test_only_calls_of_models_are_recorded_and_images_are_left_out(
    api: OpenAI, models: ModelServer, recorded: Recorded
) -> None:
    api.embeddings.create(model="e", input="x")
    content: Any = [{"type": "text", "text": "What is this?"}, IMAGE]
    api.chat.completions.create(model="answer", messages=[{"role": "user", "content": content}])
    body = recorded.only()
    assert body["input"] == [{"role": "user", "content": [content[0], {"type": "image_url"}]}]
    assert models.requests[1]["messages"][0]["content"][1] == IMAGE


def test_wrapping_twice_records_once_and_other_objects_are_refused(
    api: OpenAI, client: Ratchet, recorded: Recorded
) -> None:
    assert wrap_openai(api, client) is api
    ask(api.with_options(timeout=9).copy())
    recorded.only()
    with pytest.raises(UnsupportedClient):
        wrap_openai(object(), client)


def test_faults_of_ours_do_not_reach_the_app(
    api: OpenAI, client: Ratchet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> Any:
        raise RuntimeError("ours")

    caplog.set_level(logging.ERROR)
    for place in ("begin_call", "record"):
        with monkeypatch.context() as patch:
            patch.setattr(client, place, broken)
            assert ask(api).choices[0].message.content == "Paris is rainy."
            assert len(list(ask(api, stream=True))) == 5
    monkeypatch.setattr("ratchet.integrations.chat_completions.member", broken)
    assert ask(api).choices[0].message.content == "Paris is rainy."
    assert len(list(ask(api, stream=True))) == 5
    assert len({record.message for record in caplog.records}) == len(caplog.records)
    assert {record.name for record in caplog.records} == {"ratchet"}
