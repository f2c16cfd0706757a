"""Saved views of the list of executions: one's own, and those that others share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from collector.storage import view_repository
from tests.support.databases import psql

if TYPE_CHECKING:
    from tests.integration.collector.conftest import Running

VIEW: dict[str, Any] = {"name": "slow/mail", "filters": {"tool": "mail", "min": "5", "metric": "latency_ms"}}


@pytest.fixture
def other(collector: "Running", add_key: Callable[..., str], reader: httpx.AsyncClient) -> dict[str, str]:
    """Headers of another person of the same project and environment."""
    key = add_key(collector.dsn, "bob", "read")
    psql(collector.dsn, "UPDATE collector.api_keys SET subject = 'bob' WHERE key_id = 'bob'")
    return {"Authorization": f"Bearer {key}"}


async def saved(reader: httpx.AsyncClient, **given: Any) -> list[tuple[str, str, bool]]:
    answer = await reader.get("/v1/views", **given)
    assert answer.status_code == 200, answer.text
    return [(view["name"], view["owner"], view["own"]) for view in answer.json()["items"]]


async def test_view_is_saved_replaced_shared_and_deleted(reader: httpx.AsyncClient, other: dict[str, str]) -> None:
    assert (await reader.post("/v1/views", json=VIEW)).status_code == 200
    assert await saved(reader, headers=other) == []
    shared = {**VIEW, "columns": ["cost", "cost", "model"], "shared": True}
    found = (await reader.post("/v1/views", json=shared)).json()
    assert (found["columns"], found["filters"]) == (["cost", "model"], VIEW["filters"])
    assert await saved(reader) == [("slow/mail", "app", True)]
    assert await saved(reader, headers=other) == [("slow/mail", "app", False)]
    assert (await reader.delete("/v1/views/slow%2Fmail", headers=other)).json()["code"] == "view-unknown"
    assert (await reader.delete("/v1/views/slow%2Fmail")).status_code == 200
    assert await saved(reader) == []


async def test_view_has_no_personal_data(reader: httpx.AsyncClient) -> None:
    personal = {"user": "ann@example.com", "q": "mail ann@example.com", "session": "call +49 170 1234567"}
    found = (await reader.post("/v1/views", json={**VIEW, "filters": personal})).json()["filters"]
    assert {name: found[name] for name in ("q", "session")} == {"q": "mail [email]", "session": "call [phone]"}
    assert "user" not in found
    listed = await reader.get("/v1/executions", params=found)
    assert listed.status_code == 200, listed.text
    assert (await reader.get("/v1/views")).json()["items"][0]["filters"] == found


async def test_number_of_views_is_limited(reader: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_repository, "MAX_VIEWS", 1)
    assert (await reader.post("/v1/views", json=VIEW)).status_code == 200
    assert (await reader.post("/v1/views", json=VIEW)).status_code == 200
    refused = await reader.post("/v1/views", json={**VIEW, "name": "another"})
    assert (refused.status_code, refused.json()["code"]) == (409, "too-many-views")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"filters": {"project": "x"}}, "filters"),
        ({"filters": {"q": 5}}, "filters.q"),
        ({"filters": {"q": "\u0000"}}, "filters.q"),
        ({"filters": {"user": "ann", "user_hash": "k1:0"}}, "filters.user"),
        ({"columns": ["A b"]}, "columns"),
        ({"shared": "yes"}, "shared"),
        ({"owner": "bob"}, "owner"),
    ],
)
async def test_invalid_view_is_refused(reader: httpx.AsyncClient, body: dict[str, Any], field: str) -> None:
    answer = await reader.post("/v1/views", json={**VIEW, **body})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"].startswith(field)
