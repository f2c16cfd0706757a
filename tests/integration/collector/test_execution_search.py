"""Lists, filters, searches, exports and traces of the execution log."""

import csv
import io
import json
from collections.abc import Callable
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from collector.domain.execution_filter import ExecutionFilter
from collector.storage import log_reader
from collector.storage.log_queries import list_statement
from tests.support.databases import psql
from tests.support.logged import deliver

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

DIGEST = "sha256:" + "0" * 64
FIRST: list[dict[str, Any]] = [
    {"id": "a", "target": "answers", "model": "m1", "arm": "base", "latency_ms": 100, "cost": 0.5, "user": "ann"},
    {"id": "b", "target": "answers", "model": "m2", "arm": "candidate", "latency_ms": 900, "outcome": "error"},
    {
        "id": "c",
        "target": "search",
        "session": "call +49 170 1234567",
        "scores": {"helpful": 0.25},
        "trace_id": "t",
        "tools": ["mail", {"name": "find", "arguments": '{"city":"Rome"}'}],
        "cost": 0.5,
        "currency": "EUR",
    },
    {
        "id": "d",
        "target": "search",
        "prompts": [{"name": "p", "digest": DIGEST}],
        "usage": {"input_tokens": 7, "output_tokens": 2, "cached_input_tokens": 5},
        "time_to_first_token_ms": 40,
        "contexts": [{"id": "faq-3", "text": "Opening hours"}],
    },
    {"id": "e", "target": "search", "prompts": [{"name": "p", "version": "v2"}], "input": "Wo ist die STRASSE?"},
]
FEEDBACK: list[dict[str, Any]] = [
    {"execution_id": "a", "kind": "thumb", "value": False, "user": "u"},
    {"execution_id": "a", "kind": "thumb", "value": True, "user": "u"},
    {"execution_id": "b", "kind": "thumb", "value": False},
    {"execution_id": "d", "kind": "score", "name": "helpful", "value": 0.75},
    {"execution_id": "e", "kind": "comment", "value": "well"},
]


@pytest.fixture
async def logged(collector: "Running", reader: httpx.AsyncClient) -> httpx.AsyncClient:
    """A reader of a log with five executions, a minute apart, and feedback."""
    for body in FIRST:
        await collector.post("executions", body)
        collector.clock.advance(timedelta(minutes=1))
    for each in FEEDBACK:
        assert (await collector.post("feedback", each)).status_code == 200
    await deliver(collector)
    return reader


async def ids(reader: httpx.AsyncClient, **params: Any) -> str:
    answer = await reader.get("/v1/executions", params=params)
    assert answer.status_code == 200, answer.text
    return "".join(item["id"] for item in answer.json()["items"])


FILTERS: list[tuple[dict[str, str], str]] = [
    ({}, "edcba"),
    ({"target": "answers"}, "ba"),
    ({"model": "m1"}, "a"),
    ({"arm": "candidate"}, "b"),
    ({"outcome": "error"}, "b"),
    ({"since": "2026-11-21T12:02:00Z"}, "edc"),
    ({"until": "2026-11-21T12:02:00Z"}, "ba"),
    ({"since": "2026-11-21T12:01:00Z", "until": "2026-11-21T12:02:00Z"}, "b"),
    ({"version": DIGEST}, "d"),
    ({"version": "v2", "target": "search"}, "e"),
    ({"version": "v2", "target": "answers"}, ""),
    ({"version": "v3"}, ""),
    ({"user": "ann"}, "a"),
    ({"session": "call +49 170 1234567"}, "c"),
    ({"trace_id": "t"}, "c"),
    ({"metric": "latency_ms"}, "ba"),
    ({"metric": "latency_ms", "min": "500"}, "b"),
    ({"metric": "latency_ms", "max": "100"}, "a"),
    ({"metric": "cost_usd", "min": "0.5", "max": "0.5"}, "a"),
    ({"metric": "cost_eur", "min": "0.5"}, "c"),
    ({"metric": "cost_chf"}, ""),
    ({"metric": "input_tokens", "min": "1"}, "d"),
    ({"metric": "total_tokens", "min": "9", "max": "9"}, "d"),
    ({"metric": "cached_input_tokens", "max": "5"}, "d"),
    ({"metric": "time_to_first_token_ms", "max": "50"}, "d"),
    ({"tool": "find"}, "c"),
    ({"tool": "fin"}, ""),
    ({"q": "FAQ-3"}, "d"),
    ({"q": '"city"'}, "c"),
    ({"metric": "thumb", "max": "0"}, "b"),
    ({"metric": "thumb", "min": "1"}, "a"),
    ({"metric": "score.helpful"}, "dc"),
    ({"metric": "score.helpful", "min": "0.5"}, "d"),
    ({"metric": "rating"}, ""),
    ({"feedback": "any"}, "edba"),
    ({"feedback": "none"}, "c"),
    ({"feedback": "comment"}, "e"),
    ({"q": "strasse"}, "e"),
    ({"q": "straße"}, "e"),
    ({"q": "strasse", "target": "answers"}, ""),
]


async def test_filters(logged: httpx.AsyncClient) -> None:
    for params, expected in FILTERS:
        assert await ids(logged, **params) == expected, params


async def test_user_is_found_by_the_hash_that_is_shown(logged: httpx.AsyncClient) -> None:
    (item,) = (await logged.get("/v1/executions?user=ann")).json()["items"]
    assert item["user"] != "ann"
    assert await ids(logged, user_hash=item["user"]) == "a"


async def test_pages_make_up_the_list(logged: httpx.AsyncClient) -> None:
    for params, limit in product(({}, {"target": "search"}, {"q": "st"}), (1, 2, 3, 5, 6)):
        found, cursor = "", ""
        while cursor is not None:
            given = {**params, "limit": str(limit), **({"cursor": cursor} if cursor else {})}
            answer = (await logged.get("/v1/executions", params=given)).json()
            assert len(answer["items"]) <= limit
            found, cursor = found + "".join(item["id"] for item in answer["items"]), answer["next"]
        assert found == await ids(logged, **params), (params, limit)


async def test_search_says_how_much_it_searched(logged: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "CHUNK", 2)
    monkeypatch.setattr(log_reader, "MAX_SEARCHED", 3)
    first = (await logged.get("/v1/executions?q=no such text")).json()
    assert (first["items"], first["searched"]) == ([], 4)  # whole chunks
    second = (await logged.get("/v1/executions", params={"q": "no such text", "cursor": first["next"]})).json()
    assert (second["items"], second["searched"], second["next"]) == ([], 1, None)
    assert (await logged.get("/v1/executions")).json()["searched"] is None


async def test_a_search_that_takes_long_leaves_the_rest_to_the_next_page(
    logged: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_reader, "CHUNK", 2)
    monkeypatch.setattr(log_reader, "SEARCH_S", 0.0)
    searched: list[int] = []
    cursor = ""
    while cursor is not None:
        params = {"q": "no such text", **({"cursor": cursor} if cursor else {})}
        answer = (await logged.get("/v1/executions", params=params)).json()
        searched.append(answer["searched"])
        cursor = answer["next"]
    assert searched == [2, 2, 1]


INVALID = [
    ("user=ann&user_hash=k1:0", "user"),
    ("min=1", "metric"),
    ("metric=latency_ms&min=nan", "min"),
    ("since=2026-11-21", "since"),
    ("since=0001-01-01T00:00:00Z", "since"),
    ("feedback=cheers", "feedback"),
    ("outcome=fine", "outcome"),
    ("q=x", "q"),
    ("q=a%00b", "q"),
    ("id=a&target=answers", "id"),
    ("id=a&cursor=x", "id"),
    ("target=t1&target=t2", "target"),
    ("q=one&q=two", "q"),
    ("limit=101", "limit"),
    ("metric=foo&min=1", "metric"),
    ("metric=score.", "metric"),
    ("metric=label.tone", "metric"),
    ("metric=cost_usd&min=5&max=1", "min"),
    ("since=2026-11-22T00:00:00Z&until=2026-11-21T00:00:00Z", "since"),
    ("since=2026-11-22T00:00:00Z&until=2026-11-22T01:00:00%2B01:00", "since"),
    ("user_hash=ann", "user_hash"),
    ("cursor=x", "cursor"),
]


async def test_invalid_filters_are_named(reader: httpx.AsyncClient) -> None:
    for query, field in INVALID:
        answer = await reader.get(f"/v1/executions?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text


async def test_cursor_of_other_filters_is_refused(logged: httpx.AsyncClient) -> None:
    period = {"since": "2026-11-21T12:00:00Z", "target": "search"}
    first = (await logged.get("/v1/executions", params={**period, "limit": "1"})).json()
    same = {"since": "2026-11-21T13:00:00+01:00", "target": "search", "cursor": first["next"]}
    assert await ids(logged, **same) == "dc"
    for others in ({}, {"target": "search"}, {**period, "target": "answers"}, {**period, "q": "st"}):
        answer = await logged.get("/v1/executions", params={**others, "cursor": first["next"]})
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor"), others


async def test_export_refuses_the_same_filters(reader: httpx.AsyncClient) -> None:
    for query, field in (("target=a&target=b", "target"), ("metric=foo", "metric"), ("user_hash=ann", "user_hash")):
        answer = await reader.get(f"/v1/executions/export?{query}")
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_search_that_takes_too_long_is_refused(
    logged: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = "SELECT reference, occurred_at, body FROM collector.execution_log, pg_sleep(5)"
    monkeypatch.setattr(log_reader, "_LIMITS", "SELECT set_config('statement_timeout', '20ms', true)")
    monkeypatch.setattr("collector.storage.log_queries.list_statement", lambda *_: (slow, {}))
    answer = await logged.get("/v1/executions")
    assert (answer.status_code, answer.json()["code"]) == (422, "search-too-broad")


async def test_export_has_every_execution_with_all_fields(
    logged: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_reader, "CHUNK", 2)
    answer = await logged.get("/v1/executions/export")
    assert answer.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert "".join(line["id"] for line in lines) == "edcba"
    assert lines[0]["input"] == "Wo ist die STRASSE?"
    assert sorted(each["replaced"] for each in lines[4]["feedback"]) == [False, True]
    for line in lines:
        assert line == (await logged.get(f"/v1/executions/{line['id']}")).json()
    filtered = await logged.get("/v1/executions/export?target=search&q=strasse")
    assert [json.loads(line)["id"] for line in filtered.text.splitlines()] == ["e"]


async def test_export_as_csv(collector: "Running", logged: httpx.AsyncClient) -> None:
    formula = {"id": "=1+1", "target": "answers", "output": 'a "quoted",\nline', "scores": {"s": -1}}
    await collector.post("executions", formula)
    await deliver(collector)
    answer = await logged.get("/v1/executions/export?format=csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="executions.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["id"] for row in rows] == ["'=1+1", *"edcba"]
    assert (rows[0]["output"], rows[0]["scores"], rows[0]["cost"]) == (formula["output"], '{"s": -1.0}', "")


async def test_trace_is_a_tree_with_timings_feedback_and_sums(collector: "Running", reader: httpx.AsyncClient) -> None:
    executions: list[dict[str, Any]] = [
        {"id": "leaf", "parent_id": "child", "usage": {"input_tokens": 4, "output_tokens": 1}, "latency_ms": 5},
        {"id": "child", "parent_id": "root", "cost": 0.5, "usage": {"input_tokens": 3}, "latency_ms": 30},
        {"id": "second", "parent_id": "root", "scores": {"helpful": 1}},
        {"id": "third", "parent_id": "root", "latency_ms": 55},
        {"id": "root", "cost": 1, "latency_ms": 100.5, "usage": {"total_tokens": 3}},
        {"id": "orphan", "parent_id": "elsewhere"},
    ]
    for each in executions:
        await collector.post("executions", {**each, "target": "agent", "trace_id": "a/b"})
        collector.clock.advance(timedelta(milliseconds=20))
    await collector.post("feedback", {"trace_id": "a/b", "kind": "thumb", "value": True})
    await deliver(collector)
    found = (await reader.get("/v1/traces/a%2Fb")).json()
    assert [(it["id"], it["depth"], it["offset_ms"]) for it in found["items"]] == [
        ("root", 0, 0.0), ("child", 1, 10.5), ("leaf", 2, 15.5), ("third", 1, 25.5), ("second", 1, None),
        ("orphan", 0, None),
    ]  # fmt: skip
    assert found["started_at"] == "2026-11-21T11:59:59.979500Z"
    assert [len(it["feedback"]) for it in found["items"]] == [1, 0, 0, 0, 0, 0]
    sums = {name: found[name] for name in ("cost", "currency", "input_tokens", "output_tokens", "total_tokens")}
    assert sums == {"cost": 1.5, "currency": "USD", "input_tokens": 7, "output_tokens": 1, "total_tokens": 8}
    assert found["truncated"] is False
    assert (await reader.get("/v1/traces/other")).json()["code"] == "trace-unknown"


async def test_costs_in_several_currencies_have_no_sum(collector: "Running", reader: httpx.AsyncClient) -> None:
    for currency in ("EUR", "CHF"):
        await collector.post("executions", {"target": "agent", "trace_id": "t", "cost": 1, "currency": currency})
    await deliver(collector)
    found = (await reader.get("/v1/traces/t")).json()
    assert (found["cost"], found["currency"]) == (None, None)


async def test_long_trace_is_truncated(
    collector: "Running", reader: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collector.api.traces.MAX_NODES", 3)
    monkeypatch.setattr(log_reader, "CHUNK", 2)
    await collector.post("executions", [{"id": f"e{n}", "target": "x", "trace_id": "t"} for n in range(8)])
    await deliver(collector)
    found = (await reader.get("/v1/traces/t")).json()
    assert (len(found["items"]), found["truncated"]) == (3, True)


def test_lists_are_read_in_the_order_of_an_index(migrated_dsn: Callable[..., str]) -> None:
    dsn = migrated_dsn("collector")
    psql(
        dsn,
        """INSERT INTO collector.execution_log (reference, project, environment, target, occurred_at, received_at,
             versions, scores, body)
           SELECT md5(n::text)::uuid, 'shop', 'production', 'target-' || n % 10, now() + make_interval(secs => n),
                  now(), '{}', '{}', '' FROM generate_series(1, 3000) AS n""",
    )
    psql(dsn, "ANALYZE collector.execution_log")
    for target, index in (("target-3", "ix_execution_log_target"), (None, "ix_execution_log_occurred_at")):
        wanted = ExecutionFilter("shop", "production", target)
        statement, given = list_statement(wanted, after=True, limit=50)
        given |= {"at": "2100-01-01T00:00:00Z", "reference": "0" * 32}
        for name in sorted(given, key=len, reverse=True):
            statement = statement.replace(f":{name}", f"'{given[name]}'")
        plan = psql(dsn, f"EXPLAIN {statement}")
        assert f"Index Scan Backward using {index}" in plan
        assert "Sort" not in plan
