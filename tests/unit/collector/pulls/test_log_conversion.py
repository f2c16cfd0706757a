"""From log rows to bodies that the collector accepts."""

import json
from typing import Any

import pytest

from collector.domain.body_parser import read_execution, read_feedback
from collector.domain.feedback_items import read_value
from collector.domain.pulls.insights_rows import LogRow, read_row
from collector.domain.pulls.pulled_item import PulledItem
from collector.domain.pulls.tool_call_matches import LoggedCall
from collector.pulls.cloudwatch_options import ToolLog
from collector.pulls.log_conversion import ExecutionMapping, ToolMapping
from tests.support.cloudwatch import line, logs_pull

TIME = "2026-11-21 11:00:00.500"
TOOL_COLUMNS = {
    "trace_id": "trace",
    "name": "tool",
    "arguments": "args",
    "result": "result",
    "outcome": "status",
    "latency_ms": "ms",
}


def row(message: object, **fields: str) -> LogRow:
    text = message if isinstance(message, str) else json.dumps(message)
    cells = {"@timestamp": TIME, "@message": text, **fields}
    return read_row([{"field": name, "value": value} for name, value in cells.items()])


def items(message: object, **options: Any) -> list[PulledItem]:
    found = ExecutionMapping(logs_pull(**options)).items(row(message))
    for item in found:
        if item.unreadable is None and item.route == "executions":
            read_execution(item.body)
        elif item.unreadable is None:
            parsed = read_feedback(item.body)
            read_value(parsed.kind, parsed.value, parsed.comment)
    return found


def test_line_is_an_execution_at_its_time() -> None:
    (item,) = items(line("t1"))
    assert {name: value for name, value in item.body.items() if name != "id"} == {
        "target": "support-bot",
        "prompts": [],
        "trace_id": "t1",
        "input": "Where is my lamp?",
        "output": "It is on its way.",
        "model": "small",
        "latency_ms": 1200.0,
        "usage": {"input_tokens": 120, "output_tokens": 30},
        "occurred_at": "2026-11-21T11:00:00.500000+00:00",
    }
    assert item.at.isoformat() == item.body["occurred_at"]


def test_ids_are_the_app_s_own_or_the_same_in_each_query() -> None:
    first, again, other = items(line("t1"))[0], items(line("t1"))[0], items(line("t2"))[0]
    assert first.body == again.body
    assert first.body["id"] != other.body["id"]
    assert items({"n": 7, "text": "x"}, columns={"id": "n", "input": "text"})[0].body["id"] == "7"


def test_fields_of_the_query_are_columns_too() -> None:
    mapping = ExecutionMapping(logs_pull(columns={"input": "question", "latency_ms": "took"}))
    (item,) = mapping.items(row("REPORT", question="Where?", took="12.5"))
    assert (item.body["input"], item.body["latency_ms"]) == ("Where?", 12.5)


@pytest.mark.parametrize("message", ["START RequestId: 1", {"level": "INFO"}, {"trace": None, "prompt": ""}, "[1]"])
def test_line_without_a_mapped_field_is_skipped(message: object) -> None:
    assert items(message) == []


@pytest.mark.parametrize(
    ("fields", "kinds", "flags"),
    [
        ({"liked": True}, [("thumb", True)], []),
        ({"liked": "no"}, [("thumb", False)], ["negative_feedback"]),
        ({"reward": 0.49}, [], ["low_reward"]),
        ({"reward": 0.5}, [], []),
    ],
)
def test_scores_and_feedback_have_flags(fields: dict[str, Any], kinds: list[Any], flags: list[str]) -> None:
    execution, *feedback = items(line("t1", **fields))
    assert [(item.body["kind"], item.body["value"]) for item in feedback] == kinds
    assert [flag for item in (execution, *feedback) for flag in item.flags] == flags
    assert all(item.needs_execution and item.body["execution_id"] == execution.body["id"] for item in feedback)


def test_feedback_log_is_about_executions_that_may_come_later() -> None:
    columns = {"execution_id": "execution", "feedback": {"score": {"quality": "score"}, "rating": "stars"}}
    score, rating = items({"execution": "e1", "score": 0.2, "stars": 1}, columns=columns, reward="quality", target=None)
    assert (score.route, score.body["execution_id"], score.needs_execution) == ("feedback", "e1", False)
    assert (score.flags, rating.flags) == (("low_reward",), ("negative_feedback",))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"latency": "soon"}, "latency_ms (column latency) is not a number: 'soon'"),
        ({"liked": "perhaps"}, "feedback.thumb (column liked) is neither thumbs up nor thumbs down: 'perhaps'"),
        ({"tokens": {"in": 1.5}}, "usage.input_tokens (column tokens.in) is not a whole number"),
    ],
)
def test_line_that_cannot_be_read_is_counted_with_its_reason(fields: dict[str, Any], words: str) -> None:
    first, again = (items(line("t1", **fields)) for _ in range(2))
    assert len(first) == 1
    assert words in (first[0].unreadable or "")
    assert first[0].key == again[0].key


def test_times_have_the_given_format_and_zone() -> None:
    columns = {"occurred_at": "at", "input": "at"}
    given = {"columns": columns, "time_format": "%d.%m.%Y %H:%M", "timezone": "Europe/Berlin"}
    (item,) = items({"at": "21.11.2026 09:00"}, **given)
    assert item.body["occurred_at"] == "2026-11-21T09:00:00+01:00"


def call(message: object, **columns: str) -> LoggedCall | PulledItem | None:
    return ToolMapping(ToolLog(columns=columns or TOOL_COLUMNS)).call(row(message))


def test_line_of_a_tool_is_a_call() -> None:
    found = call({"trace": "t1", "tool": "search", "args": {"q": "lamp"}, "result": [1], "status": "ok", "ms": "7"})
    assert isinstance(found, LoggedCall)
    assert (found.key, found.body) == (
        "t1", {"name": "search", "arguments": {"q": "lamp"}, "result": [1], "outcome": "ok", "latency_ms": 7.0}
    )  # fmt: skip


def test_execution_id_comes_before_the_trace_id() -> None:
    found = call({"id": "e1", "trace": "t1", "tool": "search"}, execution_id="id", trace_id="trace", name="tool")
    assert isinstance(found, LoggedCall)
    assert (found.key, found.body) == ("e1", {"name": "search"})


@pytest.mark.parametrize("message", ["START", {"trace": "t1"}, {"tool": "search"}])
def test_lines_that_are_no_calls_are_skipped(message: object) -> None:
    assert call(message) is None


def test_call_that_cannot_be_read_says_why() -> None:
    found = call({"trace": "t1", "tool": "search", "status": "great"})
    assert isinstance(found, PulledItem)
    assert "call of a tool: outcome (column status) is none of ok" in (found.unreadable or "")
