"""The exporters of OpenTelemetry for JavaScript, in JSON and in protobuf, set up by environment variables."""

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from tests.support.listening_app import listening
from tests.support.sdk_js import SDK_JS, install, node

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running


async def test_exporters_for_javascript_are_recorded(collector: "Running") -> None:
    await asyncio.to_thread(install)
    async with listening(collector.app) as url:
        traces = await asyncio.gather(*(_export(url, collector.keys["ingest"], form) for form in ("http", "proto")))
    events = {event["facts"]["trace_id"]: event for event in collector.events("execution.recorded")}
    assert events.keys() == set(traces)
    for event in events.values():
        facts, (called,) = event["facts"], event["tool_details"]
        assert (event["target"], facts["model"], facts["input"]) == ("js-app", "gpt-4o", "Mail [email]")
        assert event["usage"] == {"input_tokens": 11, "cached_input_tokens": 8}
        assert (event["time_to_first_token_ms"], event["tools"]) == (250.0, ["mail"])
        assert (called["arguments"], called["outcome"]) == ('{"to":"[email]"}', "error")
        assert called["latency_ms"] == pytest.approx(0, abs=60_000)


async def _export(url: str, key: str, form: str) -> str:
    """Export spans by Node.js. Return their trace id."""
    environment = {
        **os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{key}",
    }  # fmt: skip
    command = [node(), str(SDK_JS / "test/support/export-spans.mjs"), form]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, cwd=SDK_JS, env=environment, stdout=pipe, stderr=pipe)
    out, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    return out.decode().strip()
