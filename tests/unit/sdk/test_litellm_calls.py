"""What LiteLLM 1.110 passes to a `CustomLogger`, as `tests/integration/sdk/test_litellm.py` makes it do."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ratchet import Ratchet, UnsupportedClient
from ratchet.integrations.litellm import LiteLLMCalls, ratchet_logger
from tests.support.ratchet_server import FakeServer

START = datetime(2026, 5, 1, tzinfo=UTC)
FIRST, END = START + timedelta(milliseconds=200), START + timedelta(milliseconds=900)
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
ANSWER = {
    "id": "chatcmpl-1", "model": "gpt-4o", "usage": {"prompt_tokens": 10, "completion_tokens": 20},
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Because."}}],
}  # fmt: skip


def arguments(call_id: str, **more: Any) -> dict[str, Any]:
    return {
        "litellm_call_id": call_id, "call_type": "completion", "model": "gpt-4o", "messages": MESSAGES, "stream": False,
        "optional_params": {"temperature": 0.5, "extra_body": {}}, "response_cost": 0.0002, "api_key": "sk-secret",
        "completion_start_time": FIRST, **more,
    }  # fmt: skip


@pytest.fixture
def calls(client: Ratchet) -> LiteLLMCalls:
    return LiteLLMCalls(client, None)


def test_an_answer_is_recorded_with_its_cost(client: Ratchet, server: FakeServer, calls: LiteLLMCalls) -> None:
    with client.observe("support"):
        calls.log_pre_api_call("gpt-4o", MESSAGES, arguments("1"))
    calls.log_success_event(arguments("1"), ANSWER, START, END)  # in a thread of LiteLLM, later
    assert client.flush()
    root, step = server.bodies.values()
    assert (step["target"], step["parent_id"]) == ("support/litellm", root["id"])
    assert (step["input"], step["output"]) == ([MESSAGES[1]], "Because.")
    assert (step["cost"], step["latency_ms"], step["model"]) == (0.0002, 900, "gpt-4o")
    assert step["parameters"]["temperature"] == 0.5
    assert "secret" not in str(server.bodies)
    assert "time_to_first_token_ms" not in step


async def test_streams_errors_and_cached_answers_are_recorded(
    client: Ratchet, server: FakeServer, calls: LiteLLMCalls
) -> None:
    calls.log_pre_api_call("gpt-4o", MESSAGES, arguments("1", call_type="acompletion"))
    streamed = arguments("1", call_type="acompletion", stream=True)
    await calls.async_log_success_event(kwargs=streamed, response_obj=ANSWER, start_time=START, end_time=END)
    calls.log_pre_api_call("gpt-4o", MESSAGES, arguments("2"))
    failed = arguments("2", exception=TimeoutError("secret"))
    await calls.async_log_failure_event(kwargs=failed, response_obj=None, start_time=START, end_time=END)
    calls.log_success_event(arguments("3"), ANSWER, START, END)  # of a cache: it has not begun
    calls.log_success_event(arguments("4", call_type="embedding"), {}, START, END)
    assert client.flush()
    stream, error, cached = server.bodies.values()
    assert (stream["time_to_first_token_ms"], stream["output"]) == (200, "Because.")
    assert (error["outcome"], error["attributes"]) == ("timeout", {"error_type": "TimeoutError"})
    assert cached["target"] == "litellm"
    assert "secret" not in str(server.bodies)


def test_unfinished_calls_are_bounded(calls: LiteLLMCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ratchet.integrations.litellm._MAX_OPEN", 10)
    for number in range(50):
        calls.log_pre_api_call("gpt-4o", MESSAGES, arguments(str(number)))
    assert len(calls._open) == 10


def test_faults_and_odd_values_raise_nothing(calls: LiteLLMCalls, caplog: pytest.LogCaptureFixture) -> None:
    odd: list[Any] = [None, 5, {}, {"litellm_call_id": []}]
    for kwargs in odd:
        calls.log_pre_api_call(None, kwargs, kwargs)
        calls.log_success_event(kwargs, kwargs, None, START)
        calls.log_failure_event(kwargs, kwargs, None, START)
    assert len({record.message for record in caplog.records}) == len(caplog.records) > 0


def test_a_missing_package_is_named(client: Ratchet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "litellm", None)
    with pytest.raises(UnsupportedClient, match="litellm is not installed"):
        ratchet_logger(client)
