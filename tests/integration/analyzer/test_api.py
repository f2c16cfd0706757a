"""The HTTP API: results and permissions."""

from typing import Any

import httpx
import pytest

from tests.support.analysis import Analyzer
from tests.support.quality import envelopes, feedback, recorded, scores_by_version


@pytest.fixture(autouse=True)
async def sample_data(analyzer: Analyzer) -> None:
    """A regression of the target `bot`, executions of `other`, one feedback without an execution."""
    scores = scores_by_version([("v1", [1.0] * 150), ("v2", [0.0] * 150)])
    calls = (recorded(number, target="other") for number in range(5))
    await analyzer.deliver(envelopes([*scores, *calls, feedback(900, execution=None, target="")]))


async def test_regressions_are_listed_and_read(client: httpx.AsyncClient) -> None:
    page = (await client.get("/v1/regressions", params={"state": "open", "target": "bot"})).json()
    (item,) = page["items"]
    assert page["next"] is None
    assert (item["state"], item["revision"], item["metric"]) == ("open", 1, "score.Factuality")
    assert (item["baseline"]["n"], item["current"]["n"], item["delta_pp"]) == (150, 100, -100.0)
    assert item["causes"][0]["after"] == "label:v2"
    one = (await client.get(f"/v1/regressions/{item['id']}")).json()
    explanation, good = one.pop("explanation"), one.pop("good_executions")
    assert good[:6] == [f"e{number}" for number in range(150, 144, -1)]
    assert item["affected_executions"] == [f"e{number}" for number in range(250, 230, -1)]
    assert one == item
    assert explanation["what"].startswith("score.Factuality of bot in production got worse: from 100.0 %")
    assert any("label:v1" in sentence for sentence in explanation["reasons"])
    assert any("label:v1 → label:v2" in sentence for sentence in explanation["causes"])
    assert any("50 values so far" in sentence for sentence in explanation["counter_evidence"])
    assert (await client.get("/v1/regressions", params={"state": "resolved"})).json()["items"] == []


async def test_regressions_are_paged(client: httpx.AsyncClient) -> None:
    first = (await client.get("/v1/quality", params={"limit": 2})).json()
    assert [item["identity"] for item in first["items"]] != []
    second = (await client.get("/v1/quality", params={"limit": 2, "cursor": first["next"]})).json()
    seen = [(item["target"], item["metric"], item["identity"]) for item in first["items"] + second["items"]]
    assert len(seen) == len(set(seen)) == 4
    assert (await client.get("/v1/regressions", params={"limit": 1})).json()["next"] is not None


MORE = """INSERT INTO analyzer.regressions (id, dimension_id, project, environment, target, metric, state, revision,
                                            opened_at, resolved_at, detected, resolved, good, terms, memory)
          SELECT gen_random_uuid(), gen_random_uuid(), project, environment, target, metric,
                 CASE WHEN n % 10 = 0 THEN 'open' ELSE 'resolved' END, revision,
                 opened_at + make_interval(secs => n), opened_at, detected,
                 CASE WHEN n % 10 > 0 THEN json_build_object(
                   'project', project, 'environment', environment, 'target', target, 'regression_id', id,
                   'revision', 2, 'metric', metric, 'baseline', detected -> 'baseline',
                   'current', detected -> 'current',
                   'resolved_by', json_build_object('kind', 'unknown', 'evidence', 'it came back')) END,
                 good, terms, memory
          FROM analyzer.regressions, generate_series(1, 999) AS n"""


async def test_pages_contain_each_of_1000_regressions_once(client: httpx.AsyncClient, analyzer: Analyzer) -> None:
    async with analyzer.store.begin() as tx:
        await tx.conn.exec_driver_sql(MORE)
    for state, expected in ((None, 1000), ("open", 100), ("resolved", 900)):
        params: dict[str, Any] = {"limit": 50, **({"state": state} if state else {})}
        seen: list[str] = []
        while True:
            page = (await client.get("/v1/regressions", params=params)).json()
            seen += [item["opened_at"] for item in page["items"]]
            if page["next"] is None:
                break
            params["cursor"] = page["next"]
        assert len(seen) == len(set(seen)) == expected


async def test_quality_states_its_sample(client: httpx.AsyncClient) -> None:
    page = (await client.get("/v1/quality")).json()
    response = {(item["metric"], item["identity"]): item for item in page["items"]}
    worse = response["score.Factuality", "label:v2"]
    assert (worse["measurement"]["n"], worse["measurement"]["mean"]) == (150, 0.0)
    assert (worse["compared_with"], worse["verdict"]) == ("label:v1", "regressed")
    assert (worse["baseline"]["n"], worse["current"]["n"], worse["delta_pp"]) == (150, 150, -100.0)
    assert (response["latency_ms", "label:v1"]["unit"], response["latency_ms", "label:v1"]["verdict"]) == (
        "ms",
        "no baseline yet",
    )
    first = response["score.Factuality", "label:v1"]
    assert (first["compared_with"], first["verdict"], first["baseline"]) == (None, "no baseline yet", None)
    assert page["uncounted"] == {"unjoined": 1}
    assert (await client.get("/v1/quality", params={"target": "other"})).json()["items"][0]["target"] == "other"


async def test_other_environments_see_nothing(client: httpx.AsyncClient, another: dict[str, str]) -> None:
    (item,) = (await client.get("/v1/regressions")).json()["items"]
    assert (await client.get("/v1/regressions", headers=another)).json()["items"] == []
    assert (await client.get("/v1/quality", headers=another)).json()["items"] == []
    answer = await client.get(f"/v1/regressions/{item['id']}", headers=another)
    assert (answer.status_code, answer.json()["code"]) == (404, "regression-unknown")


@pytest.mark.parametrize("path", ["/v1/regressions", "/v1/quality"])
async def test_only_readers_may_read(client: httpx.AsyncClient, writer: dict[str, str], path: str) -> None:
    assert (await client.get(path, headers={"Authorization": "Bearer rk_no_no"})).status_code == 401
    assert (await client.get(path, headers=writer)).status_code == 403


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/regressions?limit=0", "limit"),
        ("/v1/regressions?state=fine", "state"),
        ("/v1/regressions?cursor=9999999999999999999999", "cursor"),
        ("/v1/regressions?target=%00", "target"),
        ("/v1/regressions/no-uuid", "regression_id"),
        ("/v1/quality?cursor=x", "cursor"),
        ("/v1/quality?target=%00", "target"),
    ],
)
async def test_invalid_parameters_are_named(client: httpx.AsyncClient, path: str, field: str) -> None:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["errors"][0]["field"] == field
