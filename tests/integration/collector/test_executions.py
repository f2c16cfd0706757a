"""Stored executions: who may read them, and for how long."""

from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from collector.api.executions import MAX_IDS
from collector.storage.queries import LATEST_EXECUTION
from tests.support.databases import psql

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

DIGEST = "sha256:" + "0" * 64
EXECUTION = {
    "id": "e1",
    "target": "answers",
    "model": "model-a",
    "input": "I am ann@example.com",
    "output": "42",
    "user": "ann",
    "prompts": [{"name": "answer", "digest": DIGEST}],
    "attributes": {"route": "search"},
    "occurred_at": "2026-11-21T11:59:00Z",
}


async def read_executions(reader: httpx.AsyncClient, *ids: str) -> list[dict[str, Any]]:
    answer = await reader.get("/v1/executions", params={"id": list(ids)})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_executions_are_returned_as_stored(collector: "Running", reader: httpx.AsyncClient) -> None:
    await collector.post("executions", [EXECUTION, {"id": "e2", "target": "answers"}])
    one, two = await read_executions(reader, "e1", "unknown", "e2", "e1")
    assert (one["id"], one["target"], one["model"]) == ("e1", "answers", "model-a")
    assert (one["input"], one["output"]) == ("I am [email]", "42")
    assert one["user"] not in (None, "ann")
    assert one["prompts"] == [{"name": "answer", "digest": DIGEST, "version": None}]
    assert one["attributes"] == {"route": "search"}
    assert one["occurred_at"] == "2026-11-21T11:59:00Z"
    assert one["received_at"] == "2026-11-21T12:00:00Z"
    assert (two["id"], two["input"], two["prompts"], two["attributes"]) == ("e2", None, [], {})


async def test_other_projects_see_nothing(
    collector: "Running", reader: httpx.AsyncClient, add_key: Callable[..., str]
) -> None:
    await collector.post("executions", EXECUTION)
    elsewhere = add_key(collector.dsn, "elsewhere", "read", environment="staging")
    headers = {"Authorization": f"Bearer {elsewhere}"}
    assert (await reader.get("/v1/executions?id=e1", headers=headers)).json() == {"items": []}
    assert (await reader.get("/v1/executions/latest?target=answers", headers=headers)).status_code == 404
    headers = {"Authorization": f"Bearer {collector.keys['ingest']}"}
    assert (await reader.get("/v1/executions?id=e1", headers=headers)).status_code == 403
    assert (await reader.get("/v1/executions/latest?target=answers", headers=headers)).status_code == 403


async def test_the_newest_execution_of_a_target(collector: "Running", reader: httpx.AsyncClient) -> None:
    answer = await reader.get("/v1/executions/latest?target=answers")
    assert (answer.status_code, answer.json()["code"]) == (404, "execution-unknown")
    for execution_id in ("e1", "e2", "e3"):
        await collector.post("executions", {**EXECUTION, "id": execution_id})
        collector.clock.advance(timedelta(seconds=1))
    await collector.post("executions", {**EXECUTION, "id": "e4", "target": "other"})
    newest = (await reader.get("/v1/executions/latest?target=answers")).json()
    assert (newest["id"], newest["received_at"]) == ("e3", "2026-11-21T12:00:02Z")
    assert newest == (await read_executions(reader, "e3"))[0]


def test_the_newest_is_found_by_its_index(migrated_dsn: Callable[..., str]) -> None:
    dsn = migrated_dsn("collector")
    psql(
        dsn,
        """INSERT INTO collector.executions (reference, project, environment, target, facts, received_at)
           SELECT convert_to(n::text, 'UTF8'), 'shop', 'production', 'target-' || n % 10, '{}',
                  now() + make_interval(secs => n)
           FROM generate_series(1, 5000) AS n""",
    )
    statement = LATEST_EXECUTION.replace("$1", "'shop'").replace("$2", "'production'").replace("$3", "'target-3'")
    assert "Index Scan Backward using ix_executions_latest" in psql(dsn, f"EXPLAIN {statement}")


async def test_deleted_executions_are_not_returned(collector: "Running", reader: httpx.AsyncClient) -> None:
    await collector.post("executions", EXECUTION)
    collector.grow_old(91)
    await collector.parts.maintenance.run_once()
    assert await read_executions(reader, "e1") == []
    assert (await reader.get("/v1/executions/latest?target=answers")).status_code == 404


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("?limit=0", "limit"),
        ("?" + "&".join(f"id=e{n}" for n in range(MAX_IDS + 1)), "id"),
        ("?id=", "id.0"),
        ("?id=%00", "id.0"),
        ("/latest", "target"),
        ("/latest?target=" + "x" * 129, "target"),
    ],
)
async def test_invalid_parameters_are_named(reader: httpx.AsyncClient, path: str, field: str) -> None:
    answer = await reader.get(f"/v1/executions{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["field"] == field


async def test_unsupported_methods_are_rejected(reader: httpx.AsyncClient) -> None:
    answer = await reader.put("/v1/executions", content=b"{}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, GET")


@pytest.mark.parametrize("ahead", [timedelta(hours=1), timedelta(days=1), timedelta(days=-1), timedelta(hours=-1)])
async def test_wrong_clock_is_corrected_and_shown(
    collector: "Running", reader: httpx.AsyncClient, ahead: timedelta
) -> None:
    """The app's clock is off by `ahead`, and its request states its time, like the SDK."""
    theirs = collector.clock.now() + ahead
    body = {**EXECUTION, "occurred_at": (theirs - timedelta(seconds=30)).isoformat()}
    posted = await collector.post("executions", body, Date=format_datetime(theirs, usegmt=True))
    assert posted.json()["status"] == "accepted"
    (found,) = await read_executions(reader, "e1")
    assert datetime.fromisoformat(found["occurred_at"]) == collector.clock.now() - timedelta(seconds=30)
    assert found["clock_skew_s"] == ahead.total_seconds()


async def test_impossible_time_is_replaced_by_the_time_of_receipt(
    collector: "Running", reader: httpx.AsyncClient
) -> None:
    odd = ["2026-11-21T12:06:00Z", "2126-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "1970-01-01T00:00:05Z",
           "0001-01-01T00:00:00+14:00"]  # fmt: skip
    bodies = [{"id": f"e{index}", "target": "t", "occurred_at": time} for index, time in enumerate(odd)]
    assert (await collector.post("executions", bodies)).json()["accepted"] == len(odd)
    found = await read_executions(reader, *(body["id"] for body in bodies))
    assert {datetime.fromisoformat(item["occurred_at"]) for item in found} == {collector.clock.now()}
    assert [item["clock_skew_s"] > 0 for item in found] == [True, True, True, False, False]
    assert found[0]["clock_skew_s"] == 360
