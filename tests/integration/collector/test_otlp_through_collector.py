"""Spans by OTLP/gRPC, through an OpenTelemetry Collector that is set up as in examples/otel-collector.yaml.

It needs the program `otelcol` with the components of the example, in the path or named by RATCHET_TEST_OTELCOL.
Building it takes minutes, so the test is skipped without it; docs/opentelemetry.md has the commands.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from ratchet_local.ports import free_port
from tests.support.listening_app import listening
from tests.support.requirements import ROOT
from tests.support.sdk_js import SDK_JS, install, node

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

OTELCOL = os.environ.get("RATCHET_TEST_OTELCOL") or shutil.which("otelcol")


def configuration(grpc: int, http: int) -> dict[str, Any]:
    """Return the example with other ports, and without the Collector's own metrics."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "examples/otel-collector.yaml").read_text())
    protocols = found["receivers"]["otlp"]["protocols"]
    protocols["grpc"]["endpoint"], protocols["http"]["endpoint"] = f"127.0.0.1:{grpc}", f"127.0.0.1:{http}"
    found["service"]["telemetry"] = {"metrics": {"level": "none"}}
    return found


@asynccontextmanager
async def running(config: Path, url: str, key: str) -> AsyncIterator[None]:
    """Run the Collector until the end of the block; it exports what it has before it ends."""
    assert OTELCOL is not None
    environment = {**os.environ, "RATCHET_URL": url, "RATCHET_KEY": key}
    process = await asyncio.create_subprocess_exec(
        OTELCOL, "--config", str(config), env=environment, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            while b"Everything is ready" not in (line := await process.stderr.readline()):
                assert line, "the Collector ended"
        yield
    finally:
        process.terminate()
        await process.communicate()


@pytest.mark.skipif(OTELCOL is None, reason="no OpenTelemetry Collector: RATCHET_TEST_OTELCOL names its program")
async def test_spans_by_grpc_are_recorded(collector: "Running", tmp_path: Path) -> None:
    await asyncio.to_thread(install)
    grpc, config = free_port(), tmp_path / "config.yaml"
    config.write_text(yaml.safe_dump(configuration(grpc, free_port())))
    async with listening(collector.app) as url:
        async with running(config, url, collector.keys["ingest"]):
            environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{grpc}"}
            process = await asyncio.create_subprocess_exec(
                node(), str(SDK_JS / "test/support/export-spans.mjs"), "grpc", cwd=SDK_JS, env=environment,
                stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
        (event,) = collector.events("execution.recorded")
    assert event["facts"]["trace_id"] == out.decode().strip()
    assert (event["target"], event["tools"], event["tool_details"][0]["outcome"]) == ("js-app", ["mail"], "error")
