"""Calls of tools, from the output of a call and from the spans of tools."""

import json
from typing import Any

import pytest

from collector.domain.otlp.span import ExportedSpan
from collector.domain.otlp.translation import translate
from tests.support.spans import MODEL, START, span

WEATHER = {"name": "weather", "arguments": '{"city":"Paris"}'}
OUTPUT = {
    **MODEL,
    "gen_ai.output.messages": json.dumps([
        {"role": "assistant", "parts": [
            {"type": "tool_call", "id": "c1", **WEATHER},
            {"type": "tool_call", "id": "c2", "name": "time", "arguments": {}},
        ]},
    ]),
}  # fmt: skip
TOOL = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "weather"}
LATER = START + 10**9


def tools(*spans: ExportedSpan) -> list[Any]:
    """Return the tools of each execution."""
    return [item.body.get("tools") for item in translate(spans).items]


@pytest.mark.parametrize(
    "attributes",
    [
        {**MODEL, "gen_ai.output.messages": json.dumps([{"parts": [{"type": "tool_call", **WEATHER}]}])},
        {
            "openinference.span.kind": "LLM",
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.name": "weather",
            "llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments": WEATHER["arguments"],
        },
        {**MODEL, "gen_ai.completion.0.role": "assistant", "gen_ai.completion.0.tool_calls.0.name": "weather",
         "gen_ai.completion.0.tool_calls.0.arguments": WEATHER["arguments"]},
        {"gen_ai.request.model": "m", "ai.response.toolCalls": json.dumps(
            [{"toolCallId": "c1", "toolName": "weather", "input": WEATHER["arguments"]}])},
    ],
)  # fmt: skip
def test_calls_in_the_output(attributes: dict[str, Any]) -> None:
    assert tools(span(attributes)) == [[WEATHER]]


@pytest.mark.parametrize(
    ("attributes", "result"),
    [
        ({**TOOL, "gen_ai.tool.call.id": "c1", "gen_ai.tool.call.result": "rain"}, "rain"),
        (
            {"openinference.span.kind": "TOOL", "tool.name": "weather", "tool_call.id": "c1", "output.value": "rain"},
            "rain",
        ),
        ({"ai.toolCall.name": "weather", "ai.toolCall.id": "c1", "ai.toolCall.result": '"rain"'}, '"rain"'),
    ],
)  # fmt: skip
def test_span_of_a_tool_tells_result_outcome_and_latency(attributes: dict[str, Any], result: str) -> None:
    made = span(attributes, id="2" * 16, start=LATER, milliseconds=35.0, status="error")
    assert tools(span(OUTPUT), made) == [
        [{**WEATHER, "result": result, "outcome": "error", "latency_ms": 35.0}, {"name": "time", "arguments": {}}]
    ]


def test_span_without_id_belongs_to_the_last_call_that_ended_before_it() -> None:
    spans = [
        span(MODEL, id="1" * 16),
        span(TOOL, id="2" * 16, start=LATER),
        span(MODEL, id="3" * 16, start=LATER * 2),
        span(TOOL, id="4" * 16, start=START - 10**9),
        span(TOOL, id="5" * 16, start=LATER, trace="f" * 32),
        span({"gen_ai.operation.name": "execute_tool"}, id="6" * 16, start=LATER),
    ]
    assert tools(*spans) == [[{"name": "weather", "outcome": "ok", "latency_ms": 250.0}], None]


def test_calls_without_ids_are_matched_by_name_once() -> None:
    output = json.dumps([{"parts": [{"type": "tool_call", **WEATHER}, {"type": "tool_call", **WEATHER}]}])
    made = [span(TOOL, id=f"{n}" * 16, start=LATER, milliseconds=float(n)) for n in (2, 3, 4)]
    (found,) = tools(span({**MODEL, "gen_ai.output.messages": output}), *made)
    assert [it["latency_ms"] for it in found] == [2.0, 3.0, 4.0]
    assert ["arguments" in it for it in found] == [True, True, False]


@pytest.mark.parametrize(
    "output", ["[5, null]", '[{"parts": "x"}]', '[{"parts": [{"name": "", "arguments": 1}]}]', "{}"]
)
def test_other_outputs_have_no_calls(output: str) -> None:
    assert tools(span({**MODEL, "gen_ai.output.messages": output})) == [None]
