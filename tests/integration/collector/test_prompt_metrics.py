"""Metrics of a prompt's calls: the answer is a golden file, and completions in any order give the same sums."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.support.databases import psql
from tests.support.logged import deliver, sent

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

GOLDEN = json.loads(Path(__file__).with_name("prompt_metrics.json").read_text())
ROOT = "/api/v1/prompts/templates"
_FIRST, _SECOND = {"name": "answer", "version": "1"}, {"name": "answer", "version": "2"}
CALLS: list[dict[str, Any]] = [
    {"id": "a", "prompts": [_FIRST], "outcome": "ok", "latency_ms": 100, "usage": {"total_tokens": 10}},
    {"id": "b", "prompts": [_FIRST], "outcome": "timeout", "latency_ms": 400},
    {"id": "c", "prompts": [_SECOND, _SECOND], "usage": {"total_tokens": 30}},
    {"id": "d", "prompts": [_SECOND], "outcome": "ok", "usage": {"input_tokens": 4}},
    {"id": "e", "prompts": [{"name": "other/route", "version": "1"}], "outcome": "ok"},
]  # fmt: skip


@pytest.fixture
async def admin(collector: "Running", reader: httpx.AsyncClient, add_key: Callable[..., str]) -> httpx.AsyncClient:
    reader.headers["Authorization"] = f"Bearer {add_key(collector.dsn, 'admin', 'admin')}"
    return reader


async def record_calls(collector: "Running") -> None:
    for number, call in enumerate(CALLS):
        at = (collector.clock.now() - timedelta(minutes=9 - number)).isoformat()
        answer = await collector.post("executions", {"target": "answers", "occurred_at": at, **call})
        assert answer.status_code == 200, answer.text
    completion = {"target": "answers", "latency_ms": 50, "usage": {"output_tokens": 2}}
    assert (await collector.put("d", completion)).json()["status"] == "accepted"


async def test_golden_answer(collector: "Running", admin: httpx.AsyncClient) -> None:
    await record_calls(collector)
    await deliver(collector)
    assert (await admin.get(f"{ROOT}/answer/metrics")).json() == GOLDEN["answer"]
    assert (await admin.get(f"{ROOT}/other%2Froute/metrics")).json()["total_calls"] == 1


async def test_order_and_repetition_change_nothing(collector: "Running", admin: httpx.AsyncClient) -> None:
    await record_calls(collector)
    events = [*sent(collector), *sent(collector)]
    Random(3).shuffle(events)
    for start in range(0, len(events), 2):
        await deliver(collector, events[start : start + 2])
    assert (await admin.get(f"{ROOT}/answer/metrics")).json() == GOLDEN["answer"]


async def test_prompt_without_calls_has_unknown_metrics(collector: "Running", admin: httpx.AsyncClient) -> None:
    psql(collector.dsn, "INSERT INTO collector.served VALUES ('shop', 'production', 'new', 'sha256:0')")
    assert (await admin.get(f"{ROOT}/new/metrics")).json() == GOLDEN["new"]


async def test_unknown_prompts_and_other_keys(
    collector: "Running", admin: httpx.AsyncClient, add_key: Callable[..., str]
) -> None:
    await record_calls(collector)
    await deliver(collector)
    for name in ("none", "a%2F%2Fb", "a%00b"):
        answer = await admin.get(f"{ROOT}/{name}/metrics")
        assert (answer.status_code, answer.json()["code"]) == (404, "template-unknown"), name
    elsewhere = add_key(collector.dsn, "elsewhere", "admin", project="other")
    for key, status in ((add_key(collector.dsn, "tuner", "tune", "read"), 403), (elsewhere, 404)):
        answer = await admin.get(f"{ROOT}/answer/metrics", headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == status


async def test_versions_without_calls_are_forgotten(collector: "Running", admin: httpx.AsyncClient) -> None:
    await record_calls(collector)
    await deliver(collector)
    old = "UPDATE collector.prompt_calls SET received_at = received_at - interval '31 days' WHERE identity = 'label:1'"
    psql(collector.dsn, old)
    await collector.parts.maintenance.run_once()
    found = (await admin.get(f"{ROOT}/answer/metrics")).json()
    assert [each["version"] for each in found["versions"]] == ["label:2"]
    assert found["total_calls"] == 2
