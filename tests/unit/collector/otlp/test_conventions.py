"""Each convention's spans become the same execution."""

import json
from typing import Any

import pytest

from collector.domain.otlp.executions import execution_body
from collector.domain.otlp.span import SpanEvent
from collector.domain.validation import parse_execution
from tests.support.spans import span
from tests.unit.collector.test_validation import CONTEXT

QUESTION = "Weather in Paris?"
ANSWER = "Paris is rainy."
_ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": QUESTION}]
_ANSWERED = [{"role": "assistant", "content": ANSWER}]


def _parts(messages: list[dict[str, str]], **more: str) -> list[dict[str, Any]]:
    return [{"role": it["role"], "parts": [{"type": "text", "content": it["content"]}], **more} for it in messages]


CURRENT: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.temperature": 0.2,
    "gen_ai.request.max_tokens": 50,
    "gen_ai.response.model": "gpt-4o-2024",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
}
FORMER: dict[str, Any] = {
    **{name: value for name, value in CURRENT.items() if name != "gen_ai.provider.name"},
    "gen_ai.system": "openai",
}
VERY_FORMER: dict[str, Any] = {
    "gen_ai.system": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.temperature": 0.2,
    "gen_ai.request.max_tokens": 50,
    "gen_ai.response.model": "gpt-4o-2024",
    "gen_ai.usage.prompt_tokens": 11,
    "gen_ai.usage.completion_tokens": 7,
}
OPENINFERENCE: dict[str, Any] = {
    "openinference.span.kind": "LLM",
    "llm.system": "openai",
    "llm.model_name": "gpt-4o-2024",
    "llm.invocation_parameters": json.dumps({"model": "gpt-4o", "max_tokens": 50, "temperature": 0.2, "user": "ann"}),
    "llm.token_count.prompt": 11,
    "llm.token_count.completion": 7,
    "llm.token_count.total": 18,
}
CONVENTIONS: dict[str, tuple[dict[str, Any], list[SpanEvent]]] = {
    "Vercel AI SDK": (
        {
            "operation.name": "ai.generateText.doGenerate",
            "gen_ai.system": "openai",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.request.temperature": 0.2,
            "gen_ai.request.max_tokens": 50,
            "gen_ai.response.model": "gpt-4o-2024",
            "ai.prompt.messages": json.dumps(
                [
                    {"role": "system", "content": "Be brief."},
                    {"role": "user", "content": [{"type": "text", "text": QUESTION}]},
                ]
            ),
            "ai.response.text": ANSWER,
            "ai.response.finishReason": "stop",
            "ai.usage.promptTokens": 11,
            "ai.usage.completionTokens": 7,
        },
        [],
    ),
    "gen_ai, messages as JSON": (
        {
            **CURRENT,
            "gen_ai.input.messages": json.dumps(_parts(_ASKED)),
            "gen_ai.output.messages": json.dumps(_parts(_ANSWERED, finish_reason="stop")),
        },
        [],
    ),
    "gen_ai, structured messages": (
        {**CURRENT, "gen_ai.input.messages": _parts(_ASKED), "gen_ai.output.messages": _parts(_ANSWERED)},
        [],
    ),
    "gen_ai, event with details": (
        CURRENT,
        [
            SpanEvent(
                "gen_ai.client.inference.operation.details",
                {"gen_ai.input.messages": _parts(_ASKED), "gen_ai.output.messages": _parts(_ANSWERED)},
            )
        ],
    ),
    "gen_ai 1.36, events": (
        FORMER,
        [
            SpanEvent("gen_ai.system.message", {"content": "Be brief."}),
            SpanEvent("gen_ai.user.message", {"content": QUESTION}),
            SpanEvent("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": ANSWER}}),
        ],
    ),
    "gen_ai 1.36, events with their body as JSON": (
        FORMER,
        [
            SpanEvent("gen_ai.system.message", {"gen_ai.event.content": json.dumps({"content": "Be brief."})}),
            SpanEvent("gen_ai.user.message", {"gen_ai.event.content": json.dumps({"content": QUESTION})}),
            SpanEvent("gen_ai.choice", {"gen_ai.event.content": json.dumps({"message": {"content": ANSWER}})}),
        ],
    ),
    "gen_ai 1.27, events": (
        VERY_FORMER,
        [
            SpanEvent("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps(_ASKED)}),
            SpanEvent("gen_ai.content.completion", {"gen_ai.completion": json.dumps(_ANSWERED)}),
        ],
    ),
    "gen_ai 1.26, attributes": (
        {**VERY_FORMER, "gen_ai.prompt": json.dumps(_ASKED), "gen_ai.completion": json.dumps(_ANSWERED)},
        [],
    ),
    "OpenInference": (
        {
            **OPENINFERENCE,
            "input.value": json.dumps({"messages": _ASKED, "user": "ann"}),
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.0.message.content": "Be brief.",
            "llm.input_messages.1.message.role": "user",
            "llm.input_messages.1.message.contents.0.message_content.type": "text",
            "llm.input_messages.1.message.contents.0.message_content.text": QUESTION,
            "llm.output_messages.0.message.role": "assistant",
            "llm.output_messages.0.message.content": ANSWER,
            "output.value": "the whole response",
        },
        [],
    ),
    "OpenInference, texts only": (
        {**OPENINFERENCE, "llm.prompts.0.prompt.text": QUESTION, "llm.choices.0.completion.text": ANSWER},
        [],
    ),
    "OpenInference, values only": (
        {**OPENINFERENCE, "input.value": json.dumps({"messages": _ASKED, "user": "ann"}), "output.value": ANSWER},
        [],
    ),
    "OpenLLMetry": (
        {
            **VERY_FORMER,
            "llm.request.type": "chat",
            "llm.usage.total_tokens": 18,
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "Be brief.",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": json.dumps([{"type": "text", "text": QUESTION}]),
            "gen_ai.completion.0.role": "assistant",
            "gen_ai.completion.0.content": ANSWER,
            "gen_ai.completion.0.finish_reason": "stop",
        },
        [],
    ),
}


def recorded(attributes: dict[str, Any], events: list[SpanEvent]) -> dict[str, Any]:
    """Return facts and values of a span's execution after validation."""
    body = execution_body(span(attributes, events=events))
    payload: dict[str, Any] = json.loads(parse_execution(body, CONTEXT).payload)
    return payload


@pytest.mark.parametrize("name", CONVENTIONS)
def test_each_convention_becomes_the_same_execution(name: str) -> None:
    found = recorded(*CONVENTIONS[name])
    facts = found["facts"]
    assert (facts["input"], facts["output"]) == (QUESTION, ANSWER)
    assert facts["model"] == "gpt-4o-2024"
    assert {**found["usage"], "total_tokens": 18} == {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}
    assert found["parameters"] == {"temperature": "0.2", "max_tokens": "50"}
    assert (facts["outcome"], found["latency_ms"], found["target"]) == ("ok", 250.0, "support-bot")
    assert "ann" not in json.dumps(found)


@pytest.mark.parametrize("name", CONVENTIONS)
def test_contents_become_no_attributes(name: str) -> None:
    kept = recorded(*CONVENTIONS[name])["facts"]["attributes"]
    assert not any(QUESTION in value or ANSWER in value for value in kept.values()), kept
