"""Reading of log groups: limits of rows and of time, calls of tools."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from collector.domain.pulls.pull_window import Slice
from collector.domain.pulls.pulled_item import PulledItem
from collector.pulls import cloudwatch_source
from collector.pulls.cloudwatch_source import CloudWatchSource
from collector.pulls.pull_source import ScoreTarget, SliceTooLarge, SourceError
from tests.support.cloudwatch import GROUP, FakeLogs, Waits, line, logs_pull
from tests.support.pulls import ago

WINDOW = Slice(ago(hours=1), ago(minutes=10))
MINUTE = Slice(ago(minutes=20), ago(minutes=19))
TOOLS = {"log_groups": ["/app/tools"], "columns": {"trace_id": "trace", "name": "tool"}}


@pytest.fixture
def logs() -> FakeLogs:
    return FakeLogs()


def source(logs: FakeLogs, **options: Any) -> CloudWatchSource:
    waits = Waits()
    return CloudWatchSource(logs_pull(**options), logs, waits.wait, waits.monotonic)


def read(logs: FakeLogs, part: Slice = WINDOW, **options: Any) -> list[PulledItem]:
    return [item for group in source(logs, **options).read(part) for item in group]


def test_rows_of_a_slice_are_read_without_its_end(logs: FakeLogs) -> None:
    for name, at in (("first", WINDOW.start), ("last", WINDOW.end - timedelta(milliseconds=1)), ("next", WINDOW.end)):
        logs.put(at, line(name))
    logs.put(WINDOW.start - timedelta(milliseconds=1), line("before"))
    assert [item.body["trace_id"] for item in read(logs)] == ["first", "last"]


def test_each_row_of_neighbouring_slices_is_in_one_of_them(logs: FakeLogs) -> None:
    start = ago(minutes=30) + timedelta(microseconds=300_500)
    for tenth in range(100):
        logs.put(ago(minutes=30) + timedelta(milliseconds=100 * tenth), line(f"t{tenth}"))
    middle, end = start + timedelta(seconds=3, microseconds=123), start + timedelta(seconds=30)
    parts = (Slice(ago(minutes=31), start), Slice(start, middle), Slice(middle, end))
    found = [item.body["trace_id"] for part in parts for item in read(logs, part)]
    assert found == [f"t{tenth}" for tenth in range(100)]


def test_feedback_comes_in_a_group_after_its_executions(logs: FakeLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudwatch_source, "_GROUP", 2)
    for minutes in (20, 30, 40):
        logs.put(ago(minutes=minutes), line(f"t{minutes}", liked=minutes > 20))
    groups = [[item.route for item in group] for group in source(logs).read(WINDOW)]
    assert groups == [["executions"] * 2, ["feedback"] * 2, ["executions"], ["feedback"]]


def test_too_many_rows_ask_for_a_shorter_slice(logs: FakeLogs) -> None:
    for minutes in range(20, 40):
        logs.put(ago(minutes=minutes), line(f"t{minutes}"))
    assert len(read(logs, max_rows=21)) == 20
    with pytest.raises(SliceTooLarge):
        read(logs, max_rows=20)


def test_a_minute_is_divided_down_to_seconds(logs: FakeLogs) -> None:
    for tenth in range(600):
        logs.put(MINUTE.start + timedelta(milliseconds=100 * tenth), line(f"t{tenth}"))
    found = read(logs, MINUTE, max_rows=25)
    assert [item.body["trace_id"] for item in found] == [f"t{tenth}" for tenth in range(600)]
    assert all(query["limit"] == 25 for query in logs.queries.values())
    with pytest.raises(SourceError, match=r"a second from 2026-11-21 11:4.* has too many rows: narrow it"):
        read(logs, MINUTE, max_rows=10)


def test_slow_query_asks_for_a_shorter_slice_down_to_a_minute(logs: FakeLogs) -> None:
    logs.statuses = ["Running"] * 1000
    with pytest.raises(SliceTooLarge):
        read(logs, query_timeout_s=60)
    with pytest.raises(SourceError, match="did not answer a query about a minute within 60 s") as caught:
        read(logs, MINUTE, query_timeout_s=60)
    assert caught.value.code == "unreachable"


def put_call(logs: FakeLogs, trace: str, name: str, at: datetime) -> None:
    logs.put(at, {"trace": trace, "tool": name}, "/app/tools")


def test_calls_of_tools_are_in_their_executions(logs: FakeLogs) -> None:
    logs.put(WINDOW.start, line("t1"))
    logs.put(ago(minutes=12), line("t2"))
    put_call(logs, "t1", "before the slice", WINDOW.start - timedelta(minutes=14))
    put_call(logs, "t1", "too early", WINDOW.start - timedelta(minutes=16))
    put_call(logs, "t2", "search", ago(minutes=13))
    put_call(logs, "t2", "after the slice", ago(minutes=2))
    put_call(logs, "t9", "of another", ago(minutes=13))
    first, second = read(logs, tools=TOOLS)
    assert first.body["tools"] == [{"name": "before the slice"}]
    assert second.body["tools"] == [{"name": "search"}, {"name": "after the slice"}]


@pytest.mark.parametrize("minutes", [0, 10, 19])
def test_an_execution_has_the_same_calls_in_each_slice(logs: FakeLogs, minutes: float) -> None:
    logs.put(ago(minutes=40), line("t1"))
    for before in range(1, 31):
        put_call(logs, "t1", f"{before}", ago(minutes=40 + before))
    slices = (Slice(ago(minutes=40 + minutes), ago(minutes=39)), WINDOW)
    first, second = (read(logs, part, tools=TOOLS) for part in slices)
    assert [item.content for item in first] == [item.content for item in second]
    assert len(first[0].body["tools"]) == 15


def test_tools_may_be_in_the_log_of_executions_by_another_query(logs: FakeLogs) -> None:
    logs.put(ago(minutes=30), {"id": 5, "prompt": "Hi"})
    logs.put(ago(minutes=31), {"run": "5", "tool": "search"})
    columns = {"id": "id", "input": "prompt"}
    items = read(logs, columns=columns, tools={"columns": {"execution_id": "run", "name": "tool"}})
    assert [item.body.get("tools") for item in items if item.body["id"] == "5"] == [[{"name": "search"}]]
    assert {tuple(query["logGroupNames"]) for query in logs.queries.values()} == {(GROUP,)}


def test_call_that_cannot_be_read_is_counted_in_its_slice_only(logs: FakeLogs) -> None:
    logs.put(ago(minutes=30), line("t1"))
    logs.put(ago(minutes=5), line("t2"))
    logs.put(ago(minutes=12), {"trace": "t1", "tool": "x", "ms": "soon"}, "/app/tools")
    tools = {**TOOLS, "columns": {**TOOLS["columns"], "latency_ms": "ms"}}  # type: ignore[dict-item]
    assert [item.unreadable is not None for item in read(logs, tools=tools)] == [True, False]
    assert [item.unreadable is not None for item in read(logs, Slice(WINDOW.end, ago()), tools=tools)] == [False]


def test_log_of_tools_is_not_read_for_a_slice_without_executions(logs: FakeLogs) -> None:
    put_call(logs, "t1", "search", ago(minutes=31))
    assert read(logs, tools=TOOLS) == []
    assert len(logs.queries) == 1


def test_too_many_calls_ask_for_a_shorter_slice(logs: FakeLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudwatch_source, "MAX_TOOL_CALLS", 3)
    logs.put(ago(minutes=30), line("t1"))
    for second in range(8):
        put_call(logs, "t1", "search", ago(minutes=31, seconds=second))
    with pytest.raises(SliceTooLarge):
        read(logs, tools=TOOLS, max_rows=5)


def test_row_without_a_time_is_an_invalid_answer(logs: FakeLogs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_rows", lambda query: [[{"field": "@message", "value": json.dumps(line("t1"))}]])
    with pytest.raises(SourceError, match="the query must return @timestamp") as caught:
        read(logs)
    assert caught.value.code == "invalid-answer"


def test_scores_are_not_written_back(logs: FakeLogs) -> None:
    assert not isinstance(source(logs), ScoreTarget)
