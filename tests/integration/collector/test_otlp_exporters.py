"""The exporter of OpenTelemetry and three instrumentations, set up by environment variables only, over sockets."""

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Any

from tests.support.instrumented_app import ANSWER, INSTRUMENTATIONS, QUESTION
from tests.support.listening_app import listening

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

CONTENT = {
    "OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY",
}


async def run_app(url: str, key: str, instrumentation: str, space: str) -> str:
    """Run an instrumented app until it has exported its spans. Return the trace id."""
    environment = {
        **os.environ, **CONTENT, "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_SERVICE_NAME": instrumentation,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer{space}{key}", "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
    }  # fmt: skip
    command = [sys.executable, "-m", "tests.support.instrumented_app", instrumentation]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=pipe, stderr=pipe)
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    assert b"Failed to export" not in errors, errors.decode()
    return out.decode().strip()


async def test_instrumented_apps_are_recorded(collector: "Running") -> None:
    spaces = dict(zip(INSTRUMENTATIONS, ("%20", " ", "%20"), strict=True))
    key = collector.keys["ingest"]
    async with listening(collector.app) as url:
        traces = await asyncio.gather(*(run_app(url, key, name, space) for name, space in spaces.items()))
    recorded = collector.events("execution.recorded")
    for instrumentation, trace_id in zip(INSTRUMENTATIONS, traces, strict=True):
        found = [event for event in recorded if event["target"] == instrumentation]
        answered, with_tool, failed = sorted(found, key=lambda event: str(event["facts"]["occurred_at"]))
        assert {event["facts"]["trace_id"] for event in found} == {trace_id}
        assert_answered(answered)
        assert with_tool["facts"]["output"] == 'get_weather({"city":"Paris"})'
        assert failed["facts"]["outcome"] == "error"
        if instrumentation != "opentelemetry":  # it does not record tools
            assert with_tool["parameters"]["tools"] == '["get_weather"]'
            assert (with_tool["tools"], with_tool["tool_details"]) == (
                ["get_weather"], [{"arguments": '{"city":"Paris"}'}],
            )  # fmt: skip


def assert_answered(event: dict[str, Any]) -> None:
    facts = event["facts"]
    assert (facts["input"], facts["output"], facts["outcome"]) == (QUESTION, ANSWER, "ok")
    tokens = {"input_tokens": 11, "output_tokens": 7}
    assert (facts["model"], {**event["usage"], **tokens}) == ("gpt-4o-2024", event["usage"])
    assert event["parameters"]["temperature"] == "0.5"
    assert event["latency_ms"] > 0
    assert "parent_id" not in facts
