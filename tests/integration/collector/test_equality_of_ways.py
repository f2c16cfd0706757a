"""One execution leaves the same event whichever way it comes: only its time of receipt differs.

By the HTTP API, alone and as NDJSON, the SDKs for Python and JavaScript, OpenTelemetry, CloudWatch Logs, Kafka and an
imported file. What is logged is a line of JSON with the fields of the HTTP API.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
from moto import mock_aws
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import format_span_id, format_trace_id, set_span_in_context

from collector.handlers import Handlers
from ratchet import Ratchet
from ratchet.submission import execution_message
from shared.events.feedback import ExecutionSubmitted
from shared.messaging.cloudevents import Received
from shared.messaging.erased_subjects import ErasedSubjects
from tests.support.cloudwatch import GROUP, LogsBench
from tests.support.listening_app import listening
from tests.support.sdk_js import SDK_JS, build, node
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
    "parameters": {"temperature": 0.5, "max_tokens": 50, "tools": '["get_weather"]'},
    "input": MESSAGES,
    "output": [{"role": "assistant", "content": "It rains."}],
    "contexts": ["Paris: rain", {"id": "doc-7", "text": "Paris: 12 °C", "score": 0.75}],
    "tools": [
        {
            "name": "get_weather",
            "arguments": '{"city":"Paris","for":"a@b.example"}',
            "result": "rain",
            "outcome": "ok",
            "latency_ms": 40.0,
        }
    ],
    "arm": "b",
    "user": "ann",
    "session": "c-1",
    "usage": {
        "input_tokens": 11,
        "output_tokens": 7,
        "cached_input_tokens": 8,
        "cache_write_tokens": 1,
        "reasoning_tokens": 2,
        "total_tokens": 18,
    },
    "cost": 0.25,
    "currency": "EUR",
    "latency_ms": 250.0,
    "time_to_first_token_ms": 80.0,
    "outcome": "ok",
    "scores": {"relevance": 0.5},
    "attributes": {"gen_ai.operation.name": "chat", "plan": "pro"},
    "consent": {"quality": True, "learning": False},
    "region": "eu",
    "confidentiality": "internal",
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
    "gen_ai.usage.cache_read.input_tokens": 8,
    "gen_ai.usage.cache_creation.input_tokens": 1,
    "gen_ai.usage.reasoning.output_tokens": 2,
    "gen_ai.usage.total_tokens": 18,
    "gen_ai.response.time_to_first_chunk": 0.08,
    "gen_ai.input.messages": json.dumps(
        [{"role": it["role"], "parts": [{"type": "text", "content": it["content"]}]} for it in MESSAGES]
    ),
    "gen_ai.output.messages": json.dumps(
        [{"role": "assistant", "parts": [{"type": "text", "content": "It rains."}], "finish_reason": "stop"}]
    ),
    "gen_ai.tool.definitions": json.dumps([{"type": "function", "name": "get_weather"}]),
    "retrieval.documents.0.document.content": "Paris: rain",
    "retrieval.documents.1.document.id": "doc-7",
    "retrieval.documents.1.document.content": "Paris: 12 °C",
    "retrieval.documents.1.document.score": 0.75,
    "annotations.0.annotation.name": "relevance",
    "annotations.0.annotation.score": 0.5,
    "user.id": "ann",
    "plan": "pro",
    "ratchet.arm": "b",
    "ratchet.cost": 0.25,
    "ratchet.currency": "EUR",
    "ratchet.prompt.name": "answer",
    "ratchet.prompt.digest": DIGEST,
    "ratchet.prompt.version": "7",
    "ratchet.consent.quality": True,
    "ratchet.consent.learning": False,
    "ratchet.confidentiality": "internal",
}


TOOL: dict[str, Any] = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "get_weather",
    "gen_ai.tool.call.arguments": '{"city":"Paris","for":"a@b.example"}',
    "gen_ai.tool.call.result": "rain",
}


def export_span(url: str, key: str) -> tuple[str, str]:
    """Export a call and that of a tool in one request. Return the trace id and the span id of the former."""
    exporter = OTLPSpanExporter(endpoint=f"{url}/v1/traces", headers={"authorization": f"Bearer {key}"})
    provider = TracerProvider(
        resource=Resource({"service.name": "shop", "ratchet.target": "answers", "ratchet.region": "EU"})
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("app")
    span = tracer.start_span("chat", attributes=SPAN, start_time=START)
    tool = tracer.start_span("tool", set_span_in_context(span), attributes=TOOL, start_time=END)
    tool.end(end_time=END + 40_000_000)
    span.end(end_time=END)
    provider.shutdown()
    found = span.get_span_context()
    return format_trace_id(found.trace_id), format_span_id(found.span_id)


COLUMNS: dict[str, Any] = {
    **{name: name for name in ("id", "trace_id", "target", "model", "input", "output", "contexts", "tools", "arm")},
    **{name: name for name in ("user", "session", "cost", "currency", "latency_ms", "time_to_first_token_ms")},
    **{name: name for name in ("outcome", "occurred_at", "region", "confidentiality")},
    "prompt": "prompts.name",
    "digest": "prompts.digest",
    "version": "prompts.version",
    **{
        family: {name: f"{family}.{name}" for name in EXECUTION[family]}
        for family in ("parameters", "usage", "scores", "consent")
    },
    "attributes": {"gen_ai.operation.name": "operation", "plan": "attributes.plan"},
}


async def pull_from_logs(collector: "Running", body: dict[str, Any]) -> None:
    """Log an execution twenty minutes ago, with moto, and pull it."""
    at = collector.clock.now() - timedelta(minutes=20)
    text = json.dumps({**body, "operation": body["attributes"]["gen_ai.operation.name"]})
    with mock_aws():
        logs = boto3.client("logs", region_name="eu-central-1")
        logs.create_log_group(logGroupName=GROUP)
        logs.create_log_stream(logGroupName=GROUP, logStreamName="s")
        events = [{"timestamp": int(at.timestamp() * 1000), "message": f"INFO {text}"}]
        logs.put_log_events(logGroupName=GROUP, logStreamName="s", logEvents=events)
        parts = collector.parts
        bench = LogsBench(parts.platform.engine, parts.service, collector.clock, logs)
        assert await bench.run(environment="logs", target=None, columns=COLUMNS)


def record_by_sdk(url: str, key: str, execution_id: str, trace_id: str) -> None:
    fields = {name: value for name, value in EXECUTION.items() if name not in ("target", "prompts", "occurred_at")}
    with Ratchet(url, key) as client:
        client.record(
            "answers", prompts=EXECUTION["prompts"], id=execution_id, trace_id=trace_id,
            occurred_at=datetime.fromisoformat(OCCURRED_AT), **fields,
        )  # fmt: skip
        assert client.flush()


def record_by_javascript(url: str, key: str, body: dict[str, Any]) -> None:
    command = [node(), str(SDK_JS / "test/support/record-execution.mjs")]
    environment = {**os.environ, "RATCHET_URL": url, "RATCHET_KEY": key}
    done = subprocess.run(
        command, cwd=SDK_JS, env=environment, input=json.dumps(body), check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def submit_to_kafka(collector: "Running", key: str, body: dict[str, Any]) -> None:
    """Handle the message that the SDK makes for Kafka."""
    message = execution_message(key, body, now=collector.clock.now())
    event = ExecutionSubmitted.model_validate_json(message.value)
    handlers = Handlers(collector.parts.service, collector.parts.platform.keys, ErasedSubjects("collector"), 4)
    received = Received(event, uuid4(), collector.clock.now(), "app", "c", None, None, event.topic, 0, 0)
    async with collector.parts.platform.store.begin() as tx:
        await tx.claim("collector.test", [received.id])
        await handlers.ingest_submitted(tx, [received])


def import_file(url: str, key: str, body: dict[str, Any], folder: Path) -> None:
    (folder / "executions.jsonl").write_text(json.dumps(body) + "\n")
    command = [sys.executable, "-m", "ratchet", "import", "executions.jsonl"]
    environment = {**os.environ, "RATCHET_URL": url, "RATCHET_KEY": key}
    done = subprocess.run(command, cwd=folder, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_an_execution_is_the_same_by_every_way(
    collector: "Running", add_key: Callable[..., str], tmp_path: Path
) -> None:
    """Each in its own environment, since the same id in one environment would be a duplicate."""
    collector.clock.advance(datetime.now(UTC) - collector.clock.now())  # the SDK sends the time by its own clock
    ways = ("http", "ndjson", "sdk", "sdk-js", "otlp", "kafka", "file")
    keys = {name: add_key(collector.dsn, name, "ingest", environment=name) for name in ways}
    await asyncio.to_thread(build)
    async with listening(collector.app) as url:
        trace_id, span_id = await asyncio.to_thread(export_span, url, keys["otlp"])
        execution_id = f"{trace_id}-{span_id}"
        await asyncio.to_thread(record_by_sdk, url, keys["sdk"], execution_id, trace_id)
        body = {**EXECUTION, "id": execution_id, "trace_id": trace_id}
        await asyncio.to_thread(record_by_javascript, url, keys["sdk-js"], body)
        await asyncio.to_thread(import_file, url, keys["file"], body, tmp_path)
        for name, media in (("http", "application/json"), ("ndjson", "application/x-ndjson")):
            headers = {"Authorization": f"Bearer {keys[name]}", "Content_Type": media}
            answer = await collector.post("executions", body, **headers)
            assert answer.status_code == 200, answer.text
    await submit_to_kafka(collector, keys["kafka"], body)
    await pull_from_logs(collector, body)
    events = {event.pop("environment"): event for event in collector.events("execution.recorded")}
    assert events.keys() == {*ways, "logs"}
    for name in events:
        assert {**events[name], "received_at": None} == {**events["http"], "received_at": None}, name
    assert events["otlp"]["facts"]["input"] == "Mail [email] about Paris"
