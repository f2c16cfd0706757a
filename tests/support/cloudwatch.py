"""CloudWatch Logs for tests: a scripted client where moto knows no faults, and pulls from both."""

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError
from sqlalchemy.ext.asyncio import AsyncEngine

from collector.ingest.service import IngestService
from collector.pulls.cloudwatch_options import CloudWatchPull
from collector.pulls.cloudwatch_source import CloudWatchSource
from collector.pulls.pull_runner import PullRunner, RunningPull
from collector.storage.connections import DedicatedConnection
from shared.runtime.clock import Clock

GROUP = "/app/agent"
COLUMNS: dict[str, Any] = {
    "trace_id": "trace",
    "input": "prompt",
    "output": "response",
    "model": "model",
    "latency_ms": "latency",
    "usage": {"input_tokens": "tokens.in", "output_tokens": "tokens.out"},
    "scores": {"reward": "reward"},
    "feedback": {"thumb": "liked"},
}


def logs_pull(**options: Any) -> CloudWatchPull:
    """Return the options of a pull into the project of the collector's tests."""
    return CloudWatchPull.model_validate(
        {
            "name": "agent",
            "project": "shop",
            "environment": "production",
            "target": "support-bot",
            "region": "eu-central-1",
            "log_groups": [GROUP],
            "columns": COLUMNS,
            **options,
        }
    )


def refusal(code: str, message: str = "", status: int = 400) -> ClientError:
    """Return an error of CloudWatch Logs."""
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "StartQuery")


@dataclass
class FakeLogs:
    """A client of boto3 with log events, in the form of Insights' results.

    `faults`: errors of the next calls of an operation. `statuses`: of the next answers before a result is complete.
    """

    events: dict[str, list[tuple[datetime, str]]] = field(default_factory=lambda: defaultdict(list))
    faults: dict[str, list[Exception]] = field(default_factory=lambda: defaultdict(list))
    statuses: list[str] = field(default_factory=list)
    page_size: int | None = None
    queries: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    closed: bool = False

    def put(self, at: datetime, message: object, group: str = GROUP) -> None:
        """Log an object as JSON, or a text."""
        self.events[group].append((at, message if isinstance(message, str) else json.dumps(message)))

    def start_query(self, **query: Any) -> dict[str, Any]:
        self._call("start_query")
        query_id = f"q{len(self.queries)}"
        self.queries[query_id] = query
        return {"queryId": query_id}

    def get_query_results(self, queryId: str, nextToken: str | None = None) -> dict[str, Any]:  # noqa: N803
        self._call("get_query_results")
        if self.statuses:
            return {"status": self.statuses.pop(0), "results": []}
        rows, start = self._rows(self.queries[queryId]), int(nextToken or 0)
        end = start + (self.page_size or len(rows) or 1)
        more = {"nextToken": str(end)} if end < len(rows) else {}
        return {"status": "Complete", "results": rows[start:end], **more}

    def stop_query(self, queryId: str) -> dict[str, Any]:  # noqa: N803
        self._call("stop_query")
        return {"success": True}

    def close(self) -> None:
        self.closed = True

    def _call(self, operation: str) -> None:
        self.calls.append(operation)
        if self.faults[operation]:
            raise self.faults[operation].pop(0)

    def _rows(self, query: dict[str, Any]) -> list[list[dict[str, str]]]:
        found = [event for group in query["logGroupNames"] for event in self.events[group]]
        within = [(at, text) for at, text in sorted(found) if query["startTime"] <= at.timestamp() <= query["endTime"]]
        return [_row(index, at, text) for index, (at, text) in enumerate(within[: query["limit"]])]


def _row(index: int, at: datetime, text: str) -> list[dict[str, str]]:
    shown = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"
    fields = {"@timestamp": shown, "@message": text, "@logStream": "s", "@ptr": f"{index}-{id(text)}"}
    return [{"field": name, "value": value} for name, value in fields.items()]


@dataclass
class Waits:
    """A clock that only waits advance."""

    now: float = 0.0
    seconds: list[float] = field(default_factory=list)
    ends: bool = False

    def wait(self, seconds: float) -> bool:
        self.now += seconds
        self.seconds.append(seconds)
        return self.ends

    def monotonic(self) -> float:
        return self.now


def line(trace: str, **fields: object) -> dict[str, object]:
    """Return the log line of an execution."""
    return {
        "trace": trace,
        "prompt": "Where is my lamp?",
        "response": "It is on its way.",
        "model": "small",
        "latency": 1200,
        "tokens": {"in": 120, "out": 30},
        **fields,
    }


@dataclass
class LogsBench:
    """Runs pulls of log groups into one collector, without waits. `logs` is a `FakeLogs` or a client of boto3."""

    engine: AsyncEngine
    service: IngestService
    clock: Clock
    logs: Any
    waits: Waits = field(default_factory=Waits)

    async def run(self, **options: Any) -> bool:
        """Run a pull once; return whether it read everything."""
        pull = logs_pull(**options)
        running = RunningPull(
            pull.identity, pull, lambda: CloudWatchSource(pull, self.logs, self.waits.wait, self.waits.monotonic)
        )
        return await PullRunner(running, DedicatedConnection(self.engine), self.service, self.clock).run()
