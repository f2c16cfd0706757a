"""One execution sent by the HTTP API, by the SDK and by an OpenTelemetry exporter leaves the same event."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import format_span_id, format_trace_id

from ratchet import Ratchet
from tests.support.listening_app import listening
from tests.support.spans import START

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

DIGEST = "sha256:" + "a" * 64
MESSAGES = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Mail a@b.example about Paris"}]
END = START + 250_000_000
OCCURRED_AT = "2025-11-24T16:00:00.250000+00:00"
EXECUTION: dict[str, Any] = {
    "target": "answers",
    "prompts": [{"name": "answer", "digest": DIGEST, "version": "7"}],
    "model": "gpt-4o-2024",
    "parameters": {"temperature": 0.5, "max_tokens": 50},
    "input": MESSAGES,
    "output": [{"role": "assistant", "content": "It rains."}],
    "contexts": ["Paris: rain"],
    "tools": ["get_weather"],
    "arm": "b",
    "user": "ann",
    "session": "c-1",
    "usage": {"input_tokens": 11, "output_tokens": 7},
    "cost": 0.25,
    "latency_ms": 250.0,
    "outcome": "ok",
    "scores": {"relevance": 0.5},
    "attributes": {"gen_ai.operation.name": "chat", "plan": "pro"},
    "consent": {"quality": True, "learning": False},
    "occurred_at": OCCURRED_AT,
}
SPAN: dict[str, Any] = {
    "gen_ai.operation.name": "chat",
    "gen_ai.response.model": "gpt-4o-2024",
    "gen_ai.request.temperature": 0.5,
    "gen_ai.request.max_tokens": 50,
    "gen_ai.conversation.id": "c-1",
    "gen_ai.usage.input_tokens": 11,
    "gen_ai.usage.output_tokens": 7,
    "gen_ai.input.messages": json.dumps(
        [{"role": it["role"], "parts": [{"type": "text", "content": it["content"]}]} for it in MESSAGES]
    ),
    "gen_ai.output.messages": json.dumps(
        [{"role": "assistant", "parts": [{"type": "text", "content": "It rains."}], "finish_reason": "stop"}]
    ),
    "gen_ai.tool.definitions": json.dumps([{"type": "function", "name": "get_weather"}]),
    "retrieval.documents.0.document.content": "Paris: rain",
    "annotations.0.annotation.name": "relevance",
    "annotations.0.annotation.score": 0.5,
    "user.id": "ann",
    "plan": "pro",
    "ratchet.arm": "b",
    "ratchet.cost": 0.25,
    "ratchet.prompt.name": "answer",
    "ratchet.prompt.digest": DIGEST,
    "ratchet.prompt.version": "7",
    "ratchet.consent.quality": True,
    "ratchet.consent.learning": False,
}


def export_span(url: str, key: str) -> tuple[str, str]:
    """Export one span over a socket. Return its trace id and its span id."""
    exporter = OTLPSpanExporter(endpoint=f"{url}/v1/traces", headers={"authorization": f"Bearer {key}"})
    provider = TracerProvider(resource=Resource({"service.name": "shop", "ratchet.target": "answers"}))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    span = provider.get_tracer("app").start_span("chat", attributes=SPAN, start_time=START)
    span.end(end_time=END)
    provider.shutdown()
    found = span.get_span_context()
    return format_trace_id(found.trace_id), format_span_id(found.span_id)


def record_by_sdk(url: str, key: str, execution_id: str, trace_id: str) -> None:
    fields = {name: value for name, value in EXECUTION.items() if name not in ("target", "prompts", "occurred_at")}
    with Ratchet(url, key) as client:
        client.record(
            "answers", prompts=EXECUTION["prompts"], id=execution_id, trace_id=trace_id,
            occurred_at=datetime.fromisoformat(OCCURRED_AT), **fields,
        )  # fmt: skip
        assert client.flush()


async def test_an_execution_is_the_same_by_three_ways(collector: "Running", add_key: Callable[..., str]) -> None:
    """Each in its own environment, since the same id in one environment would be a duplicate."""
    collector.clock.advance(datetime.now(UTC) - collector.clock.now())  # the SDK sends the time by its own clock
    keys = {name: add_key(collector.dsn, name, "ingest", environment=name) for name in ("http", "sdk", "otlp")}
    async with listening(collector.app) as url:
        trace_id, span_id = await asyncio.to_thread(export_span, url, keys["otlp"])
        execution_id = f"{trace_id}-{span_id}"
        await asyncio.to_thread(record_by_sdk, url, keys["sdk"], execution_id, trace_id)
        body = {**EXECUTION, "id": execution_id, "trace_id": trace_id}
        answer = await collector.post("executions", body, Authorization=f"Bearer {keys['http']}")
        assert answer.status_code == 200, answer.text
    events = {event.pop("environment"): event for event in collector.events("execution.recorded")}
    assert events.keys() == keys.keys()
    assert events["otlp"] == events["http"]
    assert events["sdk"] == events["http"]
    assert events["otlp"]["facts"]["input"] == "Mail [email] about Paris"
