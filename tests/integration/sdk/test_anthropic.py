"""The adapter for Anthropic's client, which is the real one, against a local server."""

from typing import Any

import anthropic
import pytest
from anthropic import Anthropic, AsyncAnthropic

from ratchet import Ratchet
from ratchet.integrations.anthropic import wrap_anthropic
from tests.integration.sdk.conftest import Recorded
from tests.support.model_server import ModelServer

MESSAGES: Any = [{"role": "user", "content": "Weather in Paris?"}]
OUTPUTS = {
    "answer": "Paris is rainy.",
    "refusal": "I can't help with that.",
}


@pytest.fixture
def api(models: ModelServer, client: Ratchet) -> Anthropic:
    return wrap_anthropic(Anthropic(base_url=models.url, api_key="x", max_retries=0), client)


@pytest.fixture
def asynchronous(models: ModelServer, client: Ratchet) -> AsyncAnthropic:
    return wrap_anthropic(AsyncAnthropic(base_url=models.url, api_key="x", max_retries=0), client)


def ask(api: Anthropic, kind: str = "answer", **more: Any) -> Any:
    return api.messages.create(model=kind, messages=MESSAGES, max_tokens=100, **more)


@pytest.mark.parametrize("kind", ["answer", "tools", "refusal"])
async def test_messages_have_the_same_record_whole_and_streamed(
    api: Anthropic, asynchronous: AsyncAnthropic, models: ModelServer, recorded: Recorded, kind: str
) -> None:
    plain = Anthropic(base_url=models.url, api_key="x")
    assert ask(api, kind) == ask(plain, kind)
    stream = ask(api, kind, stream=True)
    assert isinstance(stream, anthropic.Stream)
    list(stream)
    events = await asynchronous.messages.create(model=kind, messages=MESSAGES, max_tokens=100, stream=True)
    assert [event async for event in events]
    await asynchronous.messages.create(model=kind, messages=MESSAGES, max_tokens=100)
    bodies = recorded.all()
    assert len(bodies) == 4
    for body in bodies:
        assert (body["target"], body["model"]) == ("anthropic", "claude-sonnet-4-5-20250929")
        assert body["input"] == MESSAGES
        assert body["parameters"]["max_tokens"] == 100
        assert body["usage"]["input_tokens"] == body["usage"]["output_tokens"] == 7
        assert body["usage"]["cache_read_input_tokens"] == 4
        assert body["outcome"] == ("refused" if kind == "refusal" else "ok")
        assert bool(body.get("tools")) == (kind == "tools")
        if kind in OUTPUTS:
            assert body["output"] == OUTPUTS[kind]
        else:
            assert body["output"]["content"] == "Let me look."
            assert body["output"]["tool_calls"][0]["name"] == "get_weather"
    assert ["time_to_first_token_ms" in body for body in bodies] == [False, True, True, False]


async def test_stream_helpers_are_recorded(api: Anthropic, asynchronous: AsyncAnthropic, recorded: Recorded) -> None:
    with api.messages.stream(model="answer", messages=MESSAGES, max_tokens=100) as stream:
        assert "".join(stream.text_stream) == "Paris is rainy."
        assert stream.get_final_message().stop_reason == "end_turn"
    async with asynchronous.messages.stream(model="tools", messages=MESSAGES, max_tokens=100) as events:
        message = await events.get_final_message()
    assert message.content[1].type == "tool_use"
    with api.messages.stream(model="answer", messages=MESSAGES, max_tokens=100) as stream:
        next(iter(stream.text_stream))
    bodies = recorded.all()
    assert [body.get("outcome") for body in bodies] == ["ok", "ok", None]
    assert bodies[0]["output"] == "Paris is rainy."
    assert bodies[1]["tools"]
    assert bodies[2]["output"] == "Paris i"


@pytest.mark.parametrize(("kind", "error"), [("429", anthropic.RateLimitError), ("500", anthropic.InternalServerError)])
def test_errors_reach_the_app_and_are_recorded(
    api: Anthropic, recorded: Recorded, kind: str, error: type[Exception]
) -> None:
    with pytest.raises(error):
        ask(api, kind)
    body = recorded.only()
    assert (body["outcome"], body["attributes"]["http_status"]) == ("error", int(kind))


@pytest.mark.parametrize("kind", ["cut", "broken"])
def test_a_stream_that_fails_is_recorded_with_what_arrived(api: Anthropic, recorded: Recorded, kind: str) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011
        list(ask(api, kind, stream=True))
    body = recorded.only()
    assert (body["outcome"], body["output"]) == ("error", "Paris i")


def test_a_prompt_is_found_in_the_instructions(api: Anthropic, client: Ratchet, recorded: Recorded) -> None:
    prompt = client.prompt("answer", default="Answer briefly.", target="chat")
    ask(api, system=prompt.text())
    ask(api, system=[{"type": "text", "text": prompt.text(), "cache_control": {"type": "ephemeral"}}])
    for body in recorded.all():
        assert [use["digest"] for use in body["prompts"]] == [prompt.digest]
        assert body["target"] == "chat"
        assert body["input"] == MESSAGES


def test_messages_of_an_iterator_reach_the_model(api: Anthropic, models: ModelServer, recorded: Recorded) -> None:
    api.messages.create(model="answer", messages=iter(MESSAGES), max_tokens=100)
    assert models.requests[0]["messages"] == MESSAGES
    assert "input" not in recorded.only()


def test_results_of_tools_are_recorded_and_images_left_out(api: Anthropic, recorded: Recorded) -> None:
    called = ask(api, "tools")
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
    result: Any = {
        "type": "tool_result",
        "tool_use_id": "toolu_1",
        "content": [image, {"type": "text", "text": "rain"}],
    }
    messages: Any = [
        *MESSAGES, {"role": "assistant", "content": called.content}, {"role": "user", "content": [result]},
    ]  # fmt: skip
    api.messages.create(model="answer", messages=messages, max_tokens=100)
    shown = recorded.all()[1]["input"]
    assert shown[1]["content"][1]["name"] == "get_weather"
    assert shown[1]["content"][1]["input"] == {"city": "Paris"}
    assert shown[2]["content"][0]["content"] == [{"type": "image"}, {"type": "text", "text": "rain"}]
