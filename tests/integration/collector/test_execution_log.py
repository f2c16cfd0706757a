"""The execution log: what the events add up to, exactly once, in any order, and for how long."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest

from collector.storage import execution_log
from shared.messaging.store import Tx
from tests.support.databases import psql
from tests.support.logged import CONSUMER, deliver, sent

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

EXECUTION = {
    "id": "e1", "target": "answers", "trace_id": "t1", "model": "model-a", "arm": "base", "session": "s1",
    "input": "I am ann@example.com", "output": "42", "user": "ann",
    "contexts": ["call +49 170 1234567", {"id": "faq-3", "text": "write to b@example.com", "score": 0.5}],
    "tools": ["search", {"name": "mail", "arguments": {"to": "b@example.com"}, "outcome": "error", "latency_ms": 7}],
    "parameters": {"temperature": 0.5}, "attributes": {"route": "search"},
    "prompts": [{"name": "answer", "version": "7"}],
    "usage": {"prompt_tokens": 12, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}},
    "cost": 0.25, "latency_ms": 800, "time_to_first_token_ms": 90, "outcome": "refused", "scores": {"helpful": 0.5},
    "occurred_at": "2026-11-21T11:59:00Z",
}  # fmt: skip


async def read(reader: httpx.AsyncClient, path: str) -> Any:
    answer = await reader.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_everything_that_was_sent_is_shown(collector: "Running", reader: httpx.AsyncClient) -> None:
    await collector.post("executions", EXECUTION)
    thumbs_down = {"execution_id": "e1", "kind": "thumb", "value": False, "user": "ann", "comment": "rude"}
    await collector.post("feedback", thumbs_down)
    await collector.post("feedback", {"trace_id": "t1", "kind": "comment", "value": "mail me: b@example.com"})
    await collector.post("feedback", {"execution_id": "e1", "kind": "preference", "value": {"rejected": "43"}})
    await collector.post("feedback", {"execution_id": "e1", "kind": "label", "value": "Sort of OK"})
    for step in ("continue", "regenerate"):
        await collector.post("feedback", {"execution_id": "e1", "kind": step})
    await deliver(collector)
    found = await read(reader, "/v1/executions/e1")
    expected = {
        "input": "I am [email]", "cost": 0.25, "currency": "USD", "latency_ms": 800.0, "time_to_first_token_ms": 90.0,
        "contexts": [
            {"id": None, "text": "call [phone]", "score": None},
            {"id": "faq-3", "text": "write to [email]", "score": 0.5},
        ],
        "tools": [
            {"name": "search", "arguments": None, "result": None, "outcome": None, "latency_ms": None},
            {"name": "mail", "arguments": '{"to":"[email]"}', "result": None, "outcome": "error", "latency_ms": 7.0},
        ],
        "parameters": {"temperature": "0.5"}, "arm": "base",
        "usage": {
            "input_tokens": 12, "output_tokens": 3, "cached_input_tokens": 8, "cache_write_tokens": None,
            "reasoning_tokens": None, "total_tokens": 15,
        },
        "scores": {"helpful": 0.5}, "session": "s1", "outcome": "refused", "attributes": {"route": "search"},
        "revision": 1,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected
    by_kind = {each["kind"]: each for each in found["feedback"]}
    thumb, comment, preferred = by_kind["thumb"], by_kind["comment"], by_kind["preference"]
    sides = {"chosen": {"text": None, "execution_id": "e1"}, "rejected": {"text": "43", "execution_id": None}}
    assert (preferred["preference"], preferred["metric"], preferred["value"]) == (sides, "preference", 1.0)
    assert (by_kind["label"]["label"], by_kind["label"]["metric"]) == ("Sort of OK", "label")
    steps = [by_kind["continue"], by_kind["regenerate"]]
    assert [(each["metric"], each["source"], each["replaced"]) for each in steps] == [
        ("implicit.continue", "implicit", True), ("implicit.regenerate", "implicit", False)
    ]  # fmt: skip
    for filters in ("feedback=preference", "metric=implicit.regenerate&min=1", "metric=preference&min=1"):
        assert len((await read(reader, f"/v1/executions?{filters}"))["items"]) == 1, filters
    assert (await read(reader, "/v1/executions?feedback=continue"))["items"] == []
    assert (thumb["metric"], thumb["value"], thumb["text"], thumb["user"]) == ("thumb", 0.0, "rude", found["user"])
    assert (comment["text"], comment["metric"]) == ("mail me: [email]", None)
    assert (await reader.get("/v1/executions/e2")).json()["code"] == "execution-unknown"


async def test_completions_and_repeats_in_any_order_add_up(collector: "Running", reader: httpx.AsyncClient) -> None:
    parts: list[dict[str, Any]] = [
        {"prompts": [{"name": "p", "version": "1"}], "trace_id": "t"},
        {"output": "42", "cost": 1.5, "currency": "EUR", "scores": {"a": 1}},
        {"user": "ann", "latency_ms": 9, "time_to_first_token_ms": 4, "scores": {"b": 0}, "usage": {"input_tokens": 4}},
        {"contexts": [{"id": "c"}], "tools": ["x", "x"], "parameters": {"k": 1}, "usage": {"output_tokens": 2}},
    ]
    names = [f"e{number}" for number in range(6)]
    for name in names:
        for part in parts:
            assert (await collector.put(name, {"target": "answers", **part})).json()["status"] == "accepted"
    events = [*sent(collector), *sent(collector)]
    Random(7).shuffle(events)
    for start in range(0, len(events), 5):
        await deliver(collector, events[start : start + 5])
    found = [await read(reader, f"/v1/executions/{name}") for name in names]
    for each in found:
        each.pop("id")
    assert found == [found[0]] * len(names)
    expected = {
        "output": "42", "cost": 1.5, "currency": "EUR", "scores": {"a": 1.0, "b": 0.0}, "latency_ms": 9.0,
        "time_to_first_token_ms": 4.0, "parameters": {"k": "1"}, "revision": 4,
        "contexts": [{"id": "c", "text": None, "score": None}],
    }  # fmt: skip
    assert found[0]["usage"]["total_tokens"] == 6
    assert {name: found[0][name] for name in expected} == expected
    assert collector.count("execution_log") == len(names)
    columns = "count(DISTINCT (cost, latency_ms, input_tokens, output_tokens, scores, user_hash))"
    assert psql(collector.dsn, f"SELECT {columns} FROM collector.execution_log WHERE cost = 1.5") == "1"
    found_by = "currency = 'EUR' AND time_to_first_token_ms = 4 AND total_tokens = 6 AND tools = '{x}'"
    assert psql(collector.dsn, f"SELECT count(*) FROM collector.execution_log WHERE {found_by}") == str(len(names))


async def test_feedback_may_precede_its_execution(collector: "Running", reader: httpx.AsyncClient) -> None:
    await collector.post("executions", EXECUTION)
    for value in (True, False):
        await collector.post("feedback", {"execution_id": "e1", "kind": "thumb", "value": value, "user": "ann"})
    await deliver(collector, sent(collector)[::-1])
    found = await read(reader, "/v1/executions/e1")
    assert sorted((each["value"], each["replaced"]) for each in found["feedback"]) == [(0.0, False), (1.0, True)]


async def test_feedback_without_an_execution_is_not_logged(collector: "Running") -> None:
    await collector.post("feedback", {"execution_id": "never", "kind": "thumb", "value": True})
    collector.clock.advance(timedelta(days=2))
    await collector.parts.maintenance.run_once()
    assert len(sent(collector)) == 1
    await deliver(collector)
    assert collector.count("feedback_log") == 0


async def test_connection_killed_before_the_commit_loses_and_repeats_nothing(
    collector: "Running", reader: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await collector.put("e1", {"target": "answers", "cost": 1.0})
    await collector.put("e1", {"target": "answers", "latency_ms": 5.0})
    await collector.post("feedback", {"execution_id": "e1", "kind": "rating", "value": 4})
    events = sent(collector)
    store = collector.parts.platform.store
    begin, left = store.begin, [None]

    @asynccontextmanager
    async def killed() -> AsyncIterator[Tx]:
        async with begin() as tx:
            yield tx
            if left:
                assert collector.count("inbox") == 0
                left.clear()
                psql(
                    collector.dsn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state LIKE 'idle in%'"
                )

    monkeypatch.setattr(store, "begin", killed)
    await deliver(collector, events)
    assert not left
    await deliver(collector, events)
    found = await read(reader, "/v1/executions/e1")
    assert (found["cost"], found["latency_ms"], found["revision"], len(found["feedback"])) == (1.0, 5.0, 2, 1)
    assert psql(collector.dsn, f"SELECT count(*) FROM collector.inbox WHERE consumer = '{CONSUMER}'") == "3"


async def test_log_is_kept_for_its_own_time(
    collector: "Running", reader: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution_log, "DELETE_BATCH", 2)
    await collector.post("executions", [{**EXECUTION, "id": f"e{number}"} for number in range(5)])
    await collector.post("feedback", {"execution_id": "e1", "kind": "thumb", "value": True})
    await deliver(collector)
    await collector.parts.maintenance.run_once()
    assert [collector.count(table) for table in _TABLES] == [5, 1, 1, 1]
    for table in _TABLES:
        psql(collector.dsn, f"UPDATE collector.{table} SET received_at = received_at - interval '31 days'")
    collector.clock.advance(timedelta(hours=1))
    await collector.parts.maintenance.run_once()
    assert [collector.count(table) for table in _TABLES] == [0, 0, 0, 0]
    assert collector.count("executions") == 5
    assert (await reader.get("/v1/executions/e1")).status_code == 404


_TABLES = ("execution_log", "feedback_log", "logged_versions", "prompt_calls")


async def test_much_to_delete_is_spread_over_runs(collector: "Running", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execution_log, "DELETE_BATCH", 1)
    monkeypatch.setattr("collector.maintenance._LOG_BATCHES", 3)
    await collector.post("executions", [{**EXECUTION, "id": f"e{number}"} for number in range(5)])
    await deliver(collector)
    psql(collector.dsn, "UPDATE collector.execution_log SET received_at = received_at - interval '31 days'")
    await collector.parts.maintenance.run_once()
    assert collector.count("execution_log") == 2
    await collector.parts.maintenance.run_once()
    assert collector.count("execution_log") == 0


async def test_other_environments_see_nothing(
    collector: "Running", reader: httpx.AsyncClient, add_key: Callable[..., str]
) -> None:
    await collector.post("executions", EXECUTION)
    await deliver(collector)
    other = {"Authorization": f"Bearer {add_key(collector.dsn, 'staging', 'read', environment='staging')}"}
    assert (await reader.get("/v1/executions", headers=other)).json()["items"] == []
    assert (await reader.get("/v1/executions/export", headers=other)).text == ""
    for path in ("/v1/executions/e1", "/v1/traces/t1"):
        assert (await reader.get(path, headers=other)).status_code == 404
    writer = {"Authorization": f"Bearer {collector.keys['ingest']}"}
    for path in ("/v1/executions", "/v1/executions/e1", "/v1/executions/export", "/v1/traces/t1"):
        assert (await reader.get(path, headers=writer)).status_code == 403, path


async def test_id_in_use_twice_in_two_environments(
    collector: "Running", reader: httpx.AsyncClient, add_key: Callable[..., str]
) -> None:
    feedback_id = str(uuid4())
    for environment in ("production", "staging"):
        collector.keys["ingest"] = add_key(collector.dsn, environment, "ingest", environment=environment)
        await collector.post("executions", {"id": "e1", "target": "answers", "output": environment})
        await collector.post("feedback", {"id": feedback_id, "execution_id": "e1", "kind": "thumb", "value": True})
    await deliver(collector)
    assert (collector.count("execution_log"), collector.count("feedback_log")) == (2, 2)
    assert (await read(reader, "/v1/executions/e1"))["output"] == "production"
