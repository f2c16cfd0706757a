"""Pulls from CloudWatch Logs into a real collector: by moto, and by a scripted client for what moto doesn't know."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import httpx
import pytest
from botocore import exceptions
from moto import mock_aws

from tests.integration.collector.conftest import Running
from tests.support.cloudwatch import COLUMNS, GROUP, FakeLogs, LogsBench, line, refusal
from tests.support.databases import psql
from tests.support.pulls import ago

TOOLS: dict[str, Any] = {
    "log_groups": ["/app/tools"],
    "columns": {"trace_id": "trace", "name": "tool", "result": "result"},
}
LOST = exceptions.EndpointConnectionError(endpoint_url="https://logs.test")


def bench_of(collector: Running, logs: Any) -> LogsBench:
    return LogsBench(collector.parts.platform.engine, collector.parts.service, collector.clock, logs)


@pytest.fixture
def logs() -> FakeLogs:
    """Three executions of the last hours; the first was liked, the second had a low reward."""
    found = FakeLogs()
    more: list[dict[str, Any]] = [{"liked": True}, {"reward": 0.25}, {}]
    for number, fields in enumerate(more, 1):
        found.put(ago(hours=1 + number), line(f"t{number}", **fields))
    return found


@pytest.fixture
def bench(collector: Running, logs: FakeLogs) -> LogsBench:
    return bench_of(collector, logs)


@pytest.fixture
def moto_logs() -> Iterator[Any]:
    """A client of moto's CloudWatch Logs with two empty groups."""
    with mock_aws():
        client = boto3.client("logs", region_name="eu-central-1")
        for group in (GROUP, "/app/tools"):
            client.create_log_group(logGroupName=group)
            client.create_log_stream(logGroupName=group, logStreamName="s")
        yield client


def put(client: Any, at: datetime, group: str, *messages: object) -> None:
    millisecond = int(at.timestamp() * 1000)
    events = [{"timestamp": millisecond, "message": it if isinstance(it, str) else json.dumps(it)} for it in messages]
    answer = client.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    assert "rejectedLogEventsInfo" not in answer


def state(collector: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(psql(collector.dsn, "SELECT to_json(p) FROM collector.pulls p"))
    return found


def traces(collector: Running) -> list[str]:
    return sorted(event["facts"]["trace_id"] for event in collector.events("execution.recorded"))


@pytest.mark.postgres
async def test_log_lines_become_executions_and_feedback(collector: Running, moto_logs: Any) -> None:
    """By boto3 and moto, at the real time: moto takes no events of another."""
    collector.clock.advance(datetime.now(UTC) - collector.clock.now())
    at = collector.clock.now() - timedelta(minutes=30)
    put(moto_logs, at, GROUP, "START RequestId: 1", line("t1", liked=False), line("t2", reward=0.25), {"level": "INFO"})
    put(moto_logs, at, "/app/tools", {"trace": "t1", "tool": "search", "result": ["lamp"]})
    assert await bench_of(collector, moto_logs).run(tools=TOOLS)
    first, second = sorted(collector.events("execution.recorded"), key=lambda event: str(event["facts"]["trace_id"]))
    facts = first["facts"]
    assert (first["target"], facts["trace_id"], facts["model"]) == ("support-bot", "t1", "small")
    assert (facts["input"], facts["output"]) == ("Where is my lamp?", "It is on its way.")
    assert (first["usage"], first["tools"]) == ({"input_tokens": 120, "output_tokens": 30}, ["search"])
    assert first["tool_details"][0]["result"] == '["lamp"]'
    assert (first["latency_ms"], second["scores"]) == (1200.0, {"reward": 0.25})
    (feedback,) = collector.events("feedback.created")
    assert (feedback["kind"], feedback["value"]) == ("thumb", 0.0)
    assert feedback["execution"]["trace_id"] == "t1"
    found = state(collector)
    assert (found["kind"], found["executions"], found["feedback"], found["refused"]) == ("cloudwatch", 2, 1, 0)
    assert (found["low_reward"], found["negative_feedback"], found["error"]) == (1, 1, None)


@pytest.mark.postgres
async def test_missing_log_group_is_named(collector: Running, moto_logs: Any) -> None:
    assert not await bench_of(collector, moto_logs).run(log_groups=["/none"])
    found = state(collector)
    assert found["error_code"] == "invalid-answer"
    assert "ResourceNotFoundException: The specified log group does not exist" in found["error"]


@pytest.mark.postgres
async def test_repeats_and_late_rows_are_taken_once(collector: Running, bench: LogsBench, logs: FakeLogs) -> None:
    assert await bench.run()
    assert await bench.run()
    assert traces(collector) == ["t1", "t2", "t3"]
    logs.put(ago(minutes=20), line("late"))  # before what was read last, within the overlap
    logs.put(ago(minutes=8), line("young"))
    collector.clock.advance(timedelta(minutes=5))
    assert await bench.run()
    assert traces(collector) == ["late", "t1", "t2", "t3", "young"]
    assert (state(collector)["executions"], state(collector)["feedback"]) == (5, 1)


@pytest.mark.postgres
async def test_more_rows_than_a_query_returns_are_read_in_parts(
    collector: Running, bench: LogsBench, logs: FakeLogs
) -> None:
    for second in range(150):
        logs.put(ago(hours=3, seconds=second), line(f"many{second}"))
    assert await bench.run(max_rows=20)
    assert (len(traces(collector)), state(collector)["executions"]) == (153, 153)


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (refusal("LimitExceededException", "too many queries"), "unreachable", "limits requests: LimitExceeded"),
        (refusal("ThrottlingException", "Rate exceeded"), "unreachable", "ThrottlingException: Rate exceeded"),
        (LOST, "unreachable", "CloudWatch Logs is unreachable: EndpointConnectionError"),
        (exceptions.NoCredentialsError(), "access-denied", "no credentials"),
        (refusal("MalformedQueryException", "unexpected symbol"), "invalid-answer", "unexpected symbol"),
    ],
)
async def test_error_is_stored_and_the_next_run_catches_up(
    collector: Running, bench: LogsBench, logs: FakeLogs, reader: httpx.AsyncClient, fault: Any, code: str, words: str
) -> None:
    """The first slices are read before the fault begins."""
    logs.faults["start_query"] = [refusal("ThrottlingException")] * 3
    assert await bench.run(window_hours=12)
    logs.put(ago(minutes=8), line("new"))
    collector.clock.advance(timedelta(minutes=10))
    logs.faults["start_query"] = [fault] * 6
    assert not await bench.run(window_hours=12)
    (pull,) = (await reader.get("/v1/pulls")).json()["items"]
    assert (pull["kind"], pull["state"], pull["error"]["code"]) == ("cloudwatch", "failing", code)
    assert words in pull["error"]["message"]
    logs.faults.clear()
    assert await bench.run(window_hours=12)
    assert (state(collector)["error"], traces(collector)) == (None, ["new", "t1", "t2", "t3"])


@pytest.mark.postgres
async def test_lines_that_cannot_be_read_are_counted_once(collector: Running, bench: LogsBench, logs: FakeLogs) -> None:
    logs.put(ago(minutes=20), line("bad", latency="soon", liked=True))
    logs.put(ago(minutes=20), line("x" * 200, liked=True))  # readable, but refused: the trace id is too long
    for _ in range(2):
        assert await bench.run()
    found = state(collector)
    assert (found["executions"], found["feedback"], found["refused"]) == (3, 1, 2)
    assert found["refusal"] == "latency_ms (column latency) is not a number: 'soon'"


@pytest.mark.postgres
async def test_feedback_in_a_log_waits_for_its_execution(collector: Running, bench: LogsBench, logs: FakeLogs) -> None:
    columns = {"execution_id": "execution", "feedback": {"thumb": "liked"}}
    logs.put(ago(minutes=30), {"execution": "e1", "liked": True}, "/app/feedback")
    assert await bench.run(name="opinions", log_groups=["/app/feedback"], columns=columns, target=None)
    assert collector.events("feedback.created") == []
    assert (await collector.post("executions", {"id": "e1", "target": "support-bot"})).status_code == 200
    (feedback,) = collector.events("feedback.created")
    assert feedback["execution"]["execution_id"] == "e1"


@pytest.mark.postgres
async def test_column_that_is_mapped_later_completes_executions_with_ids_of_their_own(
    collector: Running, bench: LogsBench, logs: FakeLogs
) -> None:
    logs.events[GROUP].clear()
    logs.put(ago(minutes=20), line("t1", id="e1", plan="pro"))
    with_id = {**COLUMNS, "id": "id"}
    assert await bench.run(columns=with_id)
    assert await bench.run(columns={**with_id, "attributes": {"plan": "plan"}})
    events = collector.events("execution.recorded")
    assert [event.get("revision") for event in events] == [None, 2]
    assert events[1]["facts"]["attributes"] == {"plan": "pro"}
