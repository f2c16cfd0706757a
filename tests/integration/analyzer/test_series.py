"""Windows of measurements: stored with the batch, merged when old, served over HTTP."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from analyzer.maintenance import compact_windows
from shared.events.base import Event
from shared.testing.clock import FakeClock
from tests.support.analysis import Analyzer
from tests.support.quality import START, envelopes, feedback, recorded, replacing

KEPT = "SELECT seconds, n, total, squares FROM analyzer.measured ORDER BY start, seconds"
ANOTHER = UUID(int=1)
THUMBS = {"target": "bot", "metric": "thumb"}


def thumbs(numbers: Iterable[int], value: float = 1.0, version: str = "v1", **fields: Any) -> list[Event]:
    """Return thumbs, five per second."""
    return [at(number, version, value=value, **fields) for number in numbers]


def at(number: int, version: str, **fields: Any) -> Event:
    moment = START + timedelta(seconds=number / 5)
    event = feedback(number, version, **{"received_at": moment, **fields})
    assert event.execution
    return event.model_copy(update={"execution": event.execution.model_copy(update={"occurred_at": moment})})


async def get_series(client: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
    answer = await client.get("/v1/quality/series", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_drop_is_visible_by_window(analyzer: Analyzer, client: httpx.AsyncClient) -> None:
    await analyzer.deliver(envelopes([*thumbs(range(100)), *thumbs(range(100, 200), 0.0, "v2")]))
    page = await get_series(client, **THUMBS)
    assert page["next"] is None
    assert [(item["identity"], item["n"], item["mean"]) for item in page["items"]] == [
        *[("label:v1", 25, 1.0)] * 4,
        *[("label:v2", 25, 0.0)] * 4,
    ]
    first = page["items"][0]
    names = "target metric direction unit prompt identity start end n mean low high"
    assert list(first) == names.split()
    assert (first["start"], first["end"]) == ("2026-01-01T00:00:00+00:00", "2026-01-01T00:00:05+00:00")
    assert (first["prompt"], first["unit"], first["direction"]) == ("answer", "share", "higher_is_better")
    assert 0.5 < first["low"] < 1.0 == first["high"]


async def test_batches_and_corrections_update_windows(analyzer: Analyzer, client: httpx.AsyncClient) -> None:
    sent = [*thumbs(range(25)), *(replacing(number, 0.0, 1.0) for number in range(5))]
    for start in range(0, len(sent), 7):
        await analyzer.deliver(envelopes(sent)[start : start + 7])
    (row,) = await analyzer.rows(KEPT)
    assert (row.seconds, row.n, row.total, int(row.squares)) == (5, 25, 20_000_000, 20 * 10**12)
    ((item,), _) = (await get_series(client, **THUMBS)).values()
    assert (item["n"], item["mean"]) == (25, 0.8)


async def test_limit_widens_windows(analyzer: Analyzer, client: httpx.AsyncClient) -> None:
    await analyzer.deliver(envelopes(thumbs(range(1500))))
    fine, coarse = await get_series(client, **THUMBS), await get_series(client, **THUMBS, limit=6)
    assert (len(fine["items"]), len(coarse["items"]), coarse["next"]) == (60, 5, None)
    assert sum(item["n"] for item in coarse["items"]) == sum(item["n"] for item in fine["items"]) == 1500
    since = await get_series(client, **THUMBS, since=fine["items"][50]["start"])
    assert since["items"] == fine["items"][50:]


async def test_gap_without_values_does_not_widen_windows(analyzer: Analyzer, client: httpx.AsyncClient) -> None:
    morning = 5 * 8 * 3600
    sent = [*thumbs(range(500)), *thumbs(range(morning, morning + 500))]
    await analyzer.deliver(envelopes(sent))
    assert [item["n"] for item in (await get_series(client, **THUMBS, limit=50))["items"]] == [50] * 20
    assert [item["n"] for item in (await get_series(client, latest=7))["items"]] == [50] * 7
    one = await get_series(client, **THUMBS, since=START.isoformat(), until=(START + timedelta(hours=1)).isoformat())
    assert [item["n"] for item in one["items"]] == [25] * 20


async def test_scattered_values_still_fit_the_limit(analyzer: Analyzer, client: httpx.AsyncClient) -> None:
    await analyzer.deliver(envelopes(thumbs(range(0, 5 * 3600 * 40, 5 * 3600))))
    page = await get_series(client, **THUMBS, limit=8)
    assert page["next"] is None
    assert len(page["items"]) <= 8
    assert sum(item["n"] for item in page["items"]) == 40


async def test_omitted_versions_are_reported(analyzer: Analyzer, client: httpx.AsyncClient) -> None:
    sent = [each for number in range(4) for each in thumbs(range(number * 25, number * 25 + 25), version=f"v{number}")]
    await analyzer.deliver(envelopes([*sent, *thumbs(range(100, 125), target="other")]))
    page = await get_series(client, **THUMBS, limit=3)
    assert [item["identity"] for item in page["items"]] == ["label:v0", "label:v1", "label:v2"]
    assert (await get_series(client, **THUMBS, limit=3, cursor=page["next"]))["items"] == []


async def test_the_latest_windows_of_every_metric(
    analyzer: Analyzer, client: httpx.AsyncClient, another: dict[str, str]
) -> None:
    await analyzer.deliver(envelopes([*thumbs(range(400)), *(recorded(number, target="calm") for number in range(60))]))
    page = await get_series(client, latest=3)
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for item in page["items"]:
        found.setdefault((item["target"], item["metric"]), []).append(item)
    assert {stream: len(items) for stream, items in found.items()} == {
        ("bot", "thumb"): 3, ("calm", "error_rate"): 2, ("calm", "latency_ms"): 2,
    }  # fmt: skip
    newest = found["bot", "thumb"]
    assert [item["start"][-14:-6] for item in newest] == ["00:01:05", "00:01:10", "00:01:15"]
    assert [item["n"] for item in found["calm", "latency_ms"]] == [30, 30]
    assert found["calm", "latency_ms"][0]["mean"] == pytest.approx(120.0)
    assert {item["target"] for item in (await get_series(client, latest=60, target="calm"))["items"]} == {"calm"}
    elsewhere = await client.get("/v1/quality/series", params={"latest": 3}, headers=another)
    assert elsewhere.json() == {"items": [], "next": None}


async def test_old_windows_are_merged_and_deleted(
    analyzer: Analyzer, client: httpx.AsyncClient, engine: AsyncEngine
) -> None:
    clock = FakeClock(START)
    await analyzer.deliver(envelopes(thumbs(range(1600))))
    before = await get_series(client, **THUMBS)
    clock.advance(timedelta(hours=6, minutes=5, seconds=20))
    await compact_windows(engine, clock)
    rows = await analyzer.rows(KEPT)
    assert [(row.seconds, row.n) for row in rows] == [(300, 1500), *[(5, 25)] * 4]
    after = await get_series(client, **THUMBS)
    assert [item["n"] for item in after["items"]] == [1500, 25, 25, 25, 25]
    assert after["items"][1:] == before["items"][60:]
    late = thumbs([1499], 0.0, feedback_id=ANOTHER, received_at=START + timedelta(hours=30))
    await analyzer.deliver(envelopes([*thumbs(range(1600)), *late])[-1:])
    await compact_windows(engine, clock)
    assert [row.n for row in await analyzer.rows(KEPT)][:1] == [1501]
    clock.advance(timedelta(days=30))
    await compact_windows(engine, clock)
    assert await analyzer.rows(KEPT) == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("metric=thumb", "target"),
        ("target=bot", "metric"),
        ("target=bot&metric=thumb&since=2026-01-01T00:00:00", "since"),
        ("target=bot&metric=thumb&since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z", "since"),
        ("target=bot&target=shop&metric=thumb", "target"),
        ("latest=3&since=2026-01-01T00:00:00Z", "since"),
        ("latest=3&until=2026-01-01T00:00:00Z", "until"),
        ("latest=61", "latest"),
        ("target=bot&metric=%00", "metric"),
        ("target=bot&metric=thumb&limit=2001", "limit"),
    ],
)
async def test_invalid_parameters_are_named(client: httpx.AsyncClient, path: str, field: str) -> None:
    answer = await client.get(f"/v1/quality/series?{path}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["field"] == field


async def test_unmeasured_metric_has_no_windows(client: httpx.AsyncClient, writer: dict[str, str]) -> None:
    assert await get_series(client, **THUMBS) == {"items": [], "next": None}
    assert await get_series(client, latest=30) == {"items": [], "next": None}
    assert await get_series(client, **THUMBS, since="0001-01-01T00:00:00Z") == {"items": [], "next": None}
    assert (await client.get("/v1/quality/series", headers=writer)).status_code == 403
