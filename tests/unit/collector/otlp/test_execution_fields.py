"""Fields of an execution that are not texts: target, prompt, cost, outcome, tools, attributes."""

import json
from typing import Any

import pytest

from collector.domain.otlp.executions import CallSurroundings, execution_body
from collector.domain.otlp.span import SpanEvent, SpanKey
from tests.support.spans import MODEL, RESOURCE, SPAN, START, TRACE, span


def body(attributes: dict[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    return execution_body(span({**MODEL, **(attributes or {})}, **given))


def test_ids_time_and_latency() -> None:
    parent = SpanKey(TRACE, "00f067aa0ba902b7")
    found = execution_body(
        span(milliseconds=1.5), CallSurroundings(parent, ["a document"], [{"name": "t"}], {"relevance": 0.5})
    )
    assert found["id"] == f"{TRACE}-{SPAN}"
    assert (found["trace_id"], found["parent_id"]) == (TRACE, f"{TRACE}-00f067aa0ba902b7")
    assert found["latency_ms"] == 1.5
    assert found["occurred_at"] == "2025-11-24T16:00:00.001500+00:00"
    assert (found["contexts"], found["tools"], found["scores"]) == (["a document"], ["t"], {"relevance": 0.5})


@pytest.mark.parametrize(("start", "milliseconds"), [(0, 0.0), (START, -1.0)])
def test_latency_is_left_out_without_both_times(start: int, milliseconds: float) -> None:
    assert "latency_ms" not in body(start=start, milliseconds=milliseconds)


def test_latest_possible_time_is_a_time() -> None:
    assert body(start=2**64 - 1, milliseconds=0)["occurred_at"].startswith("2554-")


@pytest.mark.parametrize(
    ("attributes", "resource", "target"),
    [
        ({}, RESOURCE, "support-bot"),
        ({"gen_ai.agent.name": "planner"}, RESOURCE, "support-bot"),
        ({}, {**RESOURCE, "ratchet.target": "answers"}, "answers"),
        ({"ratchet.target": "summaries"}, {**RESOURCE, "ratchet.target": "answers"}, "summaries"),
    ],
)
def test_target(attributes: dict[str, Any], resource: dict[str, Any], target: str) -> None:
    assert body(attributes, resource=resource)["target"] == target


@pytest.mark.parametrize(
    ("attributes", "prompts"),
    [
        ({}, None),
        ({"ratchet.prompt.name": "a", "ratchet.prompt.digest": "sha256:0"}, [{"name": "a", "digest": "sha256:0"}]),
        ({"gen_ai.prompt.name": "a"}, [{"name": "a"}]),
        ({"traceloop.prompt.key": "a", "traceloop.prompt.version": 3}, [{"name": "a", "version": "3"}]),
        ({"llm.prompt_template.version": "v2"}, [{"name": "support-bot", "version": "v2"}]),
        ({"gen_ai.prompt.name": "a, b"}, None),
        ({"ratchet.prompt.name": "a, b"}, [{"name": "a, b"}]),
    ],
)
def test_prompt(attributes: dict[str, Any], prompts: list[dict[str, str]] | None) -> None:
    """A name that Ratchet refuses is passed on where it is Ratchet's own attribute, so that the refusal names it."""
    assert body(attributes).get("prompts") == prompts


@pytest.mark.parametrize(
    ("attributes", "cost"),
    [
        ({"llm.cost.total": 0.25}, 0.25),
        ({"llm.cost.prompt": 0.25, "llm.cost.completion": 0.5}, 0.75),
        ({"llm.cost.prompt": 0.25}, None),
        ({"gen_ai.usage.cost": 1}, 1.0),
        ({"ratchet.cost": -1.0}, None),
        ({"ratchet.cost": float("nan")}, None),
        ({"ratchet.cost": True}, None),
        ({"ratchet.cost": "0.1"}, None),
    ],
)
def test_cost(attributes: dict[str, Any], cost: float | None) -> None:
    assert body(attributes).get("cost") == cost


@pytest.mark.parametrize(
    ("count", "usage"), [(7, 7), (7.0, 7), (7.5, None), (-1, None), (2**60, None), (True, None), ("7", None)]
)
def test_tokens(count: Any, usage: int | None) -> None:
    found = body({"gen_ai.usage.output_tokens": count}).get("usage")
    assert found == (None if usage is None else {"output_tokens": usage})


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ({}, "ok"),
        ({"status": "ok"}, "ok"),
        ({"status": "error"}, "error"),
        ({"attributes": {"error.type": "500"}}, "error"),
        ({"attributes": {"error.type": "500"}, "status": "ok"}, "ok"),
        ({"attributes": {"error.type": "openai.APITimeoutError"}, "status": "error"}, "timeout"),
        ({"attributes": {"error.type": "DEADLINE_EXCEEDED"}, "status": "error"}, "timeout"),
        ({"status": "error", "events": [SpanEvent("exception", {"exception.type": "TimeoutError"})]}, "timeout"),
        ({"attributes": {"gen_ai.response.finish_reasons": ["content_filter"]}}, "refused"),
        ({"attributes": {"llm.finish_reason": "SAFETY"}}, "refused"),
        ({"attributes": {"gen_ai.response.finish_reasons": '["stop"]'}}, "ok"),
    ],
)
def test_outcome(given: dict[str, Any], outcome: str) -> None:
    assert body(**given)["outcome"] == outcome


@pytest.mark.parametrize(
    "attributes",
    [
        {"gen_ai.tool.definitions": json.dumps([{"type": "function", "name": "weather"}, {"name": "time"}])},
        {"gen_ai.tool.definitions": [{"function": {"name": "weather"}}, {"name": "time"}, {"name": 5}, 7]},
        {
            "llm.tools.0.tool.json_schema": json.dumps({"type": "function", "function": {"name": "weather"}}),
            "llm.tools.1.tool.json_schema": json.dumps({"name": "time", "input_schema": {}}),
            "llm.tools.2.tool.json_schema": "broken",
        },
        {"llm.request.functions.0.name": "weather", "llm.request.functions.1.name": "time"},
    ],
)
def test_offered_tools_are_a_parameter(attributes: dict[str, Any]) -> None:
    assert body(attributes)["parameters"]["tools"] == '["weather","time"]'


@pytest.mark.parametrize(
    ("given", "milliseconds"),
    [
        ({"attributes": {"gen_ai.response.time_to_first_chunk": 0.25}}, 250.0),
        ({"attributes": {"ai.response.msToFirstChunk": 40}}, 40.0),
        ({"attributes": {"ratchet.time_to_first_token_ms": 5.0, "ai.response.msToFirstChunk": 40}}, 5.0),
        ({"events": [SpanEvent("First Token Stream Event", {}, START + 30_000_000)]}, 30.0),
        ({"events": [SpanEvent("First Token Stream Event", {}, START - 1)]}, None),
        ({"events": [SpanEvent("First Token Stream Event", {})]}, None),
        ({"attributes": {"gen_ai.response.time_to_first_chunk": -1.0}}, None),
        ({"attributes": {"gen_ai.response.time_to_first_chunk": "0.25"}}, None),
        ({}, None),
    ],
)
def test_time_to_first_token(given: dict[str, Any], milliseconds: float | None) -> None:
    assert body(**given).get("time_to_first_token_ms") == milliseconds


@pytest.mark.parametrize(
    "attributes",
    [
        {
            "gen_ai.usage.input_tokens": 9, "gen_ai.usage.cache_read.input_tokens": 4,
            "gen_ai.usage.cache_creation.input_tokens": 1, "gen_ai.usage.reasoning.output_tokens": 3,
            "gen_ai.usage.total_tokens": 14,
        },
        {
            "llm.token_count.prompt": 9, "llm.token_count.prompt_details.cache_read": 4,
            "llm.token_count.prompt_details.cache_write": 1, "llm.token_count.completion_details.reasoning": 3,
            "llm.token_count.total": 14,
        },
    ],
)  # fmt: skip
def test_tokens_by_kind(attributes: dict[str, Any]) -> None:
    assert body(attributes)["usage"] == {
        "input_tokens": 9, "cached_input_tokens": 4, "cache_write_tokens": 1, "reasoning_tokens": 3,
        "total_tokens": 14,
    }  # fmt: skip


def test_currency_is_that_of_a_cost() -> None:
    assert "currency" not in body({"ratchet.currency": "EUR"})
    assert body({"ratchet.currency": "EUR", "ratchet.cost": 1.0})["currency"] == "EUR"


def test_person_session_arm_and_consent() -> None:
    found = body(
        {"user.id": 17, "gen_ai.conversation.id": "c-1", "ratchet.arm": "b", "ratchet.consent.quality": False},
        resource={**RESOURCE, "ratchet.consent.learning": "true"},
    )
    assert (found["user"], found["session"], found["arm"]) == ("17", "c-1", "b")
    assert found["consent"] == {"quality": False, "learning": True}
    assert "consent" not in body({"ratchet.consent.learning": "perhaps"})


@pytest.mark.parametrize(
    ("span", "resource", "region", "confidentiality"),
    [
        ({}, {}, None, None),
        ({}, {"cloud.region": "eu-central-1", "ratchet.confidentiality": "Internal"}, "eu-central-1", "internal"),
        ({"ratchet.region": "EU"}, {"ratchet.region": "us", "cloud.region": "us-east-1"}, "EU", None),
        ({"ratchet.region": 7, "ratchet.confidentiality": "secret"}, {}, None, None),
        ({"ratchet.region": "e\nu"}, {"cloud.region": "x" * 65}, None, None),
        ({"cloud.region": "us"}, {}, None, None),
    ],
)
def test_region_and_confidentiality(
    span: dict[str, Any], resource: dict[str, Any], region: str | None, confidentiality: str | None
) -> None:
    found = body(span, resource={**RESOURCE, **resource})
    assert (found.get("region"), found.get("confidentiality")) == (region, confidentiality)


def test_unknown_attributes_are_kept() -> None:
    found = body(
        {
            "plan": "pro", "streamed": True, "attempt": 2, "tags": ["a", "b"], "nested": {"a": 1},
            "metadata": json.dumps({"region": "eu"}), "traceloop.association.properties.language": "fr",
        },
        resource={**RESOURCE, "service.version": "1.2", "host.name": "node-7", "process.pid": 17},
    )  # fmt: skip
    assert found["attributes"] == {
        "gen_ai.operation.name": "chat", "plan": "pro", "streamed": True, "attempt": 2, "tags": '["a","b"]',
        "nested": '{"a":1}', "language": "fr", "region": "eu", "service.version": "1.2",
    }  # fmt: skip


def test_personal_attributes_and_headers_are_not_kept() -> None:
    personal = {
        "user.id": "ann", "user.email": "a@b.c", "enduser.id": "ann", "gen_ai.headers": "{'authorization': 'x'}",
        "http.request.header.cookie": ["x"], "traceloop.association.properties.user_id": "ann", "llm.user": "ann",
    }  # fmt: skip
    assert body(personal)["attributes"] == {"gen_ai.operation.name": "chat"}


def test_attributes_past_the_limits_are_left_out() -> None:
    odd = {
        "x" * 129: 1, "line\nbreak": 1, "": 1, "nan": float("nan"), "long": "x" * 20_001, "bytes": b"x",
        "longest": "x" * 20_000,
    }  # fmt: skip
    found = body({**odd, **{f"a{number}": number for number in range(100)}})["attributes"]
    assert len(found) == 64
    assert found.keys() & odd.keys() == {"longest"}


def test_former_names_of_parameters() -> None:
    found = body({"llm.top_k": 5, "llm.request.reasoning_effort": "low", "gen_ai.request.seed": 7})
    assert found["parameters"] == {"top_k": 5, "reasoning_effort": "low", "seed": 7}
