"""Messages with tool calls, images and thoughts, in the shapes of the conventions."""

import json
from typing import Any

import pytest

from collector.domain.chat_text import as_text
from collector.domain.otlp.span import SpanEvent
from collector.domain.otlp.transcript import INPUTS, OUTPUTS, read_transcript
from tests.support.spans import span

TOOL_CALLS: dict[str, dict[str, Any]] = {
    "gen_ai": {
        "gen_ai.input.messages": json.dumps([
            {"role": "user", "parts": [{"type": "text", "content": "Weather?"}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "1", "name": "get_time", "arguments": {}}]},
            {"role": "tool", "parts": [{"type": "tool_call_response", "id": "1", "response": "noon"}]},
        ]),
        "gen_ai.output.messages": json.dumps([
            {"role": "assistant", "parts": [{"type": "tool_call", "name": "weather", "arguments": {"city": "Paris"}}]}
        ]),
    },
    "OpenInference": {
        "llm.input_messages.0.message.role": "user",
        "llm.input_messages.0.message.content": "Weather?",
        "llm.input_messages.1.message.role": "assistant",
        "llm.input_messages.1.message.tool_calls.0.tool_call.function.name": "get_time",
        "llm.input_messages.1.message.tool_calls.0.tool_call.function.arguments": "{}",
        "llm.input_messages.2.message.role": "tool",
        "llm.input_messages.2.message.content": "noon",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.contents.0.message_content.type": "tool_use",
        "llm.output_messages.0.message.contents.0.tool_call.function.name": "weather",
        "llm.output_messages.0.message.contents.0.tool_call.function.arguments": '{"city":"Paris"}',
    },
    "OpenLLMetry": {
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "Weather?",
        "gen_ai.prompt.1.role": "assistant",
        "gen_ai.prompt.1.tool_calls.0.name": "get_time",
        "gen_ai.prompt.1.tool_calls.0.arguments": "{}",
        "gen_ai.prompt.2.role": "tool",
        "gen_ai.prompt.2.content": "noon",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.tool_calls.0.name": "weather",
        "gen_ai.completion.0.tool_calls.0.arguments": '{"city":"Paris"}',
    },
}  # fmt: skip


@pytest.mark.parametrize("convention", TOOL_CALLS)
def test_tool_calls_and_results_are_shown(convention: str) -> None:
    found = span(TOOL_CALLS[convention])
    assert as_text(read_transcript(found, INPUTS)) == "user: Weather?\n\nassistant: get_time({})\n\ntool: noon"
    assert as_text(read_transcript(found, OUTPUTS)) == 'weather({"city":"Paris"})'


def test_tool_calls_of_events_are_shown() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
    events = [
        SpanEvent("gen_ai.assistant.message", {"tool_calls": json.dumps([call])}),
        SpanEvent("gen_ai.tool.message", {"content": "rainy", "id": "1"}),
        SpanEvent("gen_ai.choice", {"tool_calls": [call], "finish_reason": "tool_calls"}),
        SpanEvent("gen_ai.choice", {"message": "Rain.", "finish_reason": "stop"}),
        SpanEvent("another", {"content": "not a message"}),
    ]
    found = span({}, events=events)
    assert as_text(read_transcript(found, INPUTS)) == 'assistant: weather({"city":"Paris"})\n\ntool: rainy'
    assert as_text(read_transcript(found, OUTPUTS)) == 'assistant: weather({"city":"Paris"})\n\nassistant: Rain.'


@pytest.mark.parametrize(
    ("parts", "shown"),
    [
        ([{"type": "reasoning", "content": "hm"}, {"type": "text", "content": "Yes."}], "Yes."),
        ([{"type": "blob", "mime_type": "image/png", "content": "iVBORw0KGgo="}], "[blob]"),
        ([{"type": "image_url", "image_url": {"url": "https://x/y.png"}}, "And this?"], "[image_url]\nAnd this?"),
        ([{"type": "tool_call_response", "response": {"degrees": 20}}], '{"degrees":20}'),
        ([{"type": "tool_result", "content": [{"type": "text", "text": "20"}]}], "20"),
        ([{"type": "refusal", "refusal": "I can't."}], "I can't."),
        ([{"type": 5}, 7, None, {}], "[unknown]"),
        ("plain", "plain"),
        ({"type": "text", "content": "one part"}, "one part"),
        ("[1, 2]", "[1, 2]"),
        (None, ""),
    ],
)
def test_parts_of_a_message(parts: Any, shown: str) -> None:
    found = span({"gen_ai.output.messages": [{"role": "assistant", "parts": parts}]})
    assert as_text(read_transcript(found, OUTPUTS)) == shown


def test_function_call_of_former_openinference() -> None:
    call = {"message.function_call_name": "weather", "message.function_call_arguments_json": '{"city":"Paris"}'}
    found = span({f"llm.output_messages.0.{member}": value for member, value in call.items()})
    assert as_text(read_transcript(found, OUTPUTS)) == 'weather({"city":"Paris"})'


def test_text_that_is_no_messages_is_kept() -> None:
    for value in ("a text", "[broken", '{"also": "broken"', "[]]"):
        assert read_transcript(span({"gen_ai.completion": value}), OUTPUTS) == value
    assert read_transcript(span({"gen_ai.completion": '{"answer": 42}'}), OUTPUTS) == {"answer": 42}
    assert read_transcript(span({"llm.choices.0.completion.text": "a", "llm.choices.1.completion.text": "b"}), OUTPUTS)


def test_deep_json_stays_text() -> None:
    deep = "[" * 100 + "]" * 100
    assert read_transcript(span({"gen_ai.completion": deep}), OUTPUTS) == deep


def test_escaped_nul_is_replaced() -> None:
    value = json.dumps([{"role": "assistant", "content": "a\0b"}])
    assert as_text(read_transcript(span({"gen_ai.completion": value}), OUTPUTS)) == "a\ufffdb"
