"""Pulls for tests: a Langfuse server with traces of an app, and a runner without waits or a network."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine

from collector.ingest.service import IngestService
from collector.pulls.configuration import LangfusePull
from collector.pulls.langfuse_source import LangfuseSource
from collector.pulls.pull_runner import PullRunner, RunningPull
from collector.storage.connections import DedicatedConnection
from shared.runtime.clock import Clock
from tests.support.langfuse import PUBLIC, SECRET, Langfuse
from tests.support.langfuse_history import prompts, score, trace

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
"""The time of the clock of the collector's tests."""
ENVIRON = {"LANGFUSE_HOST": "http://langfuse.test", "LANGFUSE_PUBLIC_KEY": PUBLIC, "LANGFUSE_SECRET_KEY": SECRET}
TOOL = {"id": "t1-s", "type": "TOOL", "name": "search", "parentObservationId": "t1-r", "isRootObservation": False}


def langfuse_pull(**options: Any) -> LangfusePull:
    """Return the options of a pull into the project of the collector's tests."""
    return LangfusePull.model_validate(
        {"name": "support", "project": "shop", "environment": "production", "requests_per_minute": 10_000, **options}
    )


def ago(**past: float) -> datetime:
    """Return a time before `NOW`."""
    return NOW - timedelta(**past)


def support_trace(name: str, moment: datetime, **fields: Any) -> list[dict[str, Any]]:
    """Return a trace with texts, a generation and a call of a tool."""
    texts = {
        "input": '[{"role": "user", "content": "Where is my lamp?"}]',
        "output": '"It is on its way."',
        "sessionId": "s1",
        "tags": ["prod", "support"],
        "version": "2",
        **fields,
    }
    root, call = trace(name, moment, 6, **{name: text for name, text in texts.items() if name != "version"})
    tool = {**call, **TOOL, "id": f"{name}-s", "latency": 0.1, "totalCost": None, "promptName": None}
    usage = {"usageDetails": {"input": 100, "input_cached_tokens": 20, "output": 30, "total": 150}}
    return [{**root, "usageDetails": {}, **texts}, {**call, **usage}, {**tool, "promptVersion": None}]


def server_with_traces(version: str = "4.16.0", count: int = 3) -> Langfuse:
    """Return a server with traces `t1` … of the last hours, and scores of the first two."""
    server = Langfuse(version, prompts=prompts())
    for number in range(1, count + 1):
        server.observations += support_trace(f"t{number}", ago(hours=1 + number))
    server.scores += [
        score(1, "reward", 0.25, ago(hours=1)),
        score(1, "user-feedback", True, ago(hours=1)),
        score(2, "user-feedback", False, ago(hours=1), comment="wrong lamp"),
    ]
    return server


class PullBench:
    """Runs pulls of one server into one collector."""

    def __init__(self, engine: AsyncEngine, service: IngestService, clock: Clock, server: Langfuse) -> None:
        self.engine, self.service, self.clock, self.server = engine, service, clock, server
        self.waits: list[float] = []

    def source(self, pull: LangfusePull, client: httpx.Client | None = None) -> LangfuseSource:
        def wait(seconds: float) -> bool:
            self.waits.append(seconds)
            return False

        return LangfuseSource(pull, client or self.server.client(), wait, ENVIRON)

    def runner(self, pull: LangfusePull) -> PullRunner:
        running = RunningPull(pull.identity, pull, lambda: self.source(pull), pull.raw_folder, pull.write_scores)
        return PullRunner(running, DedicatedConnection(self.engine), self.service, self.clock)

    async def run(self, **options: Any) -> bool:
        """Run a pull once; return whether it read everything."""
        return await self.runner(langfuse_pull(**options)).run()
