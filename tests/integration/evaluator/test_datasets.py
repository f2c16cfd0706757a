"""Datasets over HTTP: cases are proposed, reviewed by people, published, and exported."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete, insert, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.app import build_app
from evaluator.settings import EvaluatorSettings
from evaluator.storage.tables import keys, versions
from ratchet_evaluation.golden_files import manifest_path, read_golden_set
from shared.auth.principal import hash_secret
from shared.events import CATALOG
from shared.events.evaluation import DatasetPublished
from shared.testing.clock import FakeClock
from tests.support.api_document import service_check
from tests.support.datasets import sent_case
from tests.support.messaging import NOW

PATH = "/v1/datasets/returns"
LONG = "How many days may a customer keep a pair of shoes before it has to be sent back to the shop"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
async def api(settings: EvaluatorSettings, engine: AsyncEngine, clock: FakeClock) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the key of a person who builds datasets; `robot` is a service, `other` is elsewhere."""
    people = {"ann": ("person", "acme"), "bob": ("person", "acme"), "robot": ("service", "acme"),
              "other": ("person", "globex")}  # fmt: skip
    async with engine.begin() as conn:
        for name, (kind, project) in people.items():
            row = {"key_id": name, "revision": 1, "secret_hash": hash_secret("s"), "subject": name, "revoked": False}
            more = {"subject_kind": kind, "project": project, "environment": "production", "scopes": ["read", "tune"]}
            await conn.execute(insert(keys).values(**row, **more))
    app = build_app(settings, clock)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://test",
        headers=key_of("ann"),
        event_hooks=service_check("evaluator"),
    ) as client:
        yield client
    await app.state.keys._engine.dispose()


def key_of(name: str) -> dict[str, str]:
    return {"authorization": f"Bearer rk_{name}_s"}


async def create(api: httpx.AsyncClient, *cases: dict[str, Any], path: str = PATH) -> dict[str, Any]:
    assert (await api.put(path, json={"target": "bot"})).status_code in (200, 201)
    answer = await api.post(f"{path}/cases", json={"cases": cases})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def accept(api: httpx.AsyncClient, *numbers: int, state: str = "accepted", name: str = "ann") -> dict[str, Any]:
    body = {"state": state, "cases": [f"case-{number}" for number in numbers]}
    answer = await api.post(f"{PATH}/reviews", json=body, headers=key_of(name))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def publish(api: httpx.AsyncClient) -> tuple[int, dict[str, Any]]:
    answer = await api.post(f"{PATH}/versions")
    return answer.status_code, answer.json()


async def items(api: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    found, cursor = [], None
    while True:
        page = (await api.get(path, params={**query, **({"cursor": cursor} if cursor else {})})).json()
        found += page["items"]
        if (cursor := page["next"]) is None:
            return found


async def emitted(engine: AsyncEngine) -> list[Any]:
    async with engine.connect() as conn:
        rows = await conn.execute(text("SELECT topic, payload FROM evaluator.outbox_messages ORDER BY id, n"))
        return [CATALOG[f"ratchet.{row.topic}.v1"].model_validate_json(row.payload) for row in rows]


async def test_a_dataset_is_created_and_described(api: httpx.AsyncClient) -> None:
    created = await api.put(PATH, json={"target": "bot", "description": "From May", "licence": "CC-BY-4.0"})
    assert created.status_code == 201
    changed = await api.put(PATH, json={"target": "bot", "description": "From June"})
    assert (changed.status_code, changed.json()["licence"]) == (200, "CC-BY-4.0")
    assert (await api.get(PATH)).json() == changed.json()
    assert changed.json()["cases"] == {"proposed": 0, "accepted": 0, "rejected": 0}
    other = await api.put(PATH, json={"target": "another"})
    assert (other.status_code, other.json()["code"]) == (409, "target-fixed")
    for name in ("a", "z", "b"):
        await api.put(f"/v1/datasets/{name}", json={"target": name})
    assert [item["name"] for item in await items(api, "/v1/datasets", limit=2)] == ["a", "b", "returns", "z"]
    assert [item["name"] for item in await items(api, "/v1/datasets", target="bot")] == ["returns"]


async def test_nothing_is_shown_to_another_project(api: httpx.AsyncClient) -> None:
    await create(api, sent_case(1))
    digest = "sha256:" + "0" * 64
    for method, path in (
        ("GET", PATH), ("GET", f"{PATH}/cases"), ("GET", f"{PATH}/versions"), ("POST", f"{PATH}/versions"),
        ("GET", f"{PATH}/versions/{digest}/export"), ("GET", f"{PATH}/versions/{digest}/manifest"),
    ):  # fmt: skip
        assert (await api.request(method, path, headers=key_of("other"))).status_code == 404, path
    one = await api.post(f"{PATH}/cases/case-1/reviews", json={"state": "accepted"}, headers=key_of("other"))
    many = await api.post(f"{PATH}/cases", json={"cases": [sent_case(2)]}, headers=key_of("other"))
    assert (one.status_code, many.status_code) == (404, 404)
    assert (await api.get("/v1/datasets", headers=key_of("other"))).json()["items"] == []


async def test_cases_are_proposed_line_by_line(api: httpx.AsyncClient) -> None:
    """Each wrong line is named; the others are added, and counted as repeated when they are sent again."""
    await api.put(PATH, json={"target": "bot"})
    refused = sent_case(3, consent={"quality": False})
    lines = [json.dumps(sent_case(1)), "", "{broken", json.dumps(sent_case(2)), json.dumps(refused), '{"a":1,"a":2}']
    for added, repeated in ((2, 0), (0, 2)):
        answer = await api.post(
            f"{PATH}/cases", content="\n".join(lines), headers={"content-type": "application/x-ndjson"}
        )
        found = answer.json()
        assert (answer.status_code, found["added"], found["repeated"]) == (200, added, repeated)
        assert [(it["line"], it["field"]) for it in found["problems"]] == [
            (3, "case"), (5, "consent.quality"), (6, "a"),
        ]  # fmt: skip
    listed = await items(api, f"{PATH}/cases", limit=1)
    assert [(it["id"], it["state"], it["added_by"]) for it in listed] == [
        ("case-1", "proposed", "ann"), ("case-2", "proposed", "ann"),
    ]  # fmt: skip
    assert listed[0]["case"]["input"] == sent_case(1)["input"]


async def test_wrong_bodies_are_refused(api: httpx.AsyncClient) -> None:
    await api.put(PATH, json={"target": "bot"})
    for content, media, status, code in (
        (b"{}", "text/csv", 415, "unsupported-media-type"),
        (b"{}", "application/json", 422, "invalid"),
        (b"[]", "application/json", 422, "invalid"),
        (b'{"cases": []}', "application/json", 422, "invalid"),
        (b'{"cases": [{}], "more": 1}', "application/json", 422, "invalid"),
        (b"\n\n", "application/x-ndjson", 422, "invalid"),
        (b"{}\n" * 1_001, "application/x-ndjson", 422, "invalid"),
        (b" " * 3_000_001, "application/x-ndjson", 413, "too-large"),
    ):
        answer = await api.post(f"{PATH}/cases", content=content, headers={"content-type": media})
        assert (answer.status_code, answer.json()["code"]) == (status, code), content[:40]


async def test_near_duplicates_are_shown_at_both_cases(api: httpx.AsyncClient) -> None:
    await create(api, sent_case(1, input=f"{LONG}?"), sent_case(2))
    found = await create(api, sent_case(3, input=f"{LONG}!"))
    ((pair),) = found["near_duplicates"]
    assert (pair["first"], pair["second"]) == ("case-1", "case-3")
    shown = {it["id"]: [other["id"] for other in it["near_duplicates"]] for it in await items(api, f"{PATH}/cases")}
    assert shown == {"case-1": ["case-3"], "case-2": [], "case-3": ["case-1"]}


async def test_only_a_person_accepts_and_publishes(api: httpx.AsyncClient, engine: AsyncEngine) -> None:
    await create(api, sent_case(1))
    proposed = await api.post(f"{PATH}/cases", json={"cases": [sent_case(2)]}, headers=key_of("robot"))
    assert proposed.status_code == 200
    for path, body in (
        ("/cases/case-1/reviews", {"state": "accepted"}),
        ("/reviews", {"state": "accepted", "cases": ["case-1"]}),
        ("/versions", None),
    ):
        refused = await api.post(PATH + path, json=body, headers=key_of("robot"))
        assert (refused.status_code, refused.json()["code"]) == (403, "person-required")
    assert {it["state"] for it in await items(api, f"{PATH}/cases")} == {"proposed"}
    assert (await publish(api))[0] == 409
    assert await emitted(engine) == []


async def test_a_review_names_its_person_and_time(api: httpx.AsyncClient, clock: FakeClock) -> None:
    await create(api, sent_case(1), sent_case(2), sent_case(3, id="a/b c?"))
    accepted = await api.post(f"{PATH}/cases/case-1/reviews", json={"state": "accepted"})
    assert accepted.json()["state"] == "accepted"
    assert (accepted.json()["reviewed_by"], accepted.json()["reviewed_at"][:19]) == ("ann", NOW.isoformat()[:19])
    clock.advance(timedelta(hours=1))
    again = await api.post(f"{PATH}/cases/case-1/reviews", json={"state": "accepted"}, headers=key_of("bob"))
    assert again.json() == accepted.json(), "the same decision changes nothing"
    rejected = await api.post(f"{PATH}/cases/case-1/reviews", json={"state": "rejected"}, headers=key_of("bob"))
    assert (rejected.json()["state"], rejected.json()["reviewed_by"]) == ("rejected", "bob")
    odd = await api.post(f"{PATH}/cases/a%2Fb%20c%3F/reviews", json={"state": "accepted"})
    assert (odd.status_code, odd.json()["id"]) == (200, "a/b c?")
    unknown = await api.post(f"{PATH}/cases/none/reviews", json={"state": "accepted"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown-case")
    assert await accept(api, 1, 2, 9) == {"state": "accepted", "changed": 2, "unknown": ["case-9"]}
    counts = (await api.get(PATH)).json()["cases"]
    assert counts == {"proposed": 0, "accepted": 3, "rejected": 0}
    assert len(await items(api, f"{PATH}/cases", state="accepted", limit=2)) == 3
    assert await items(api, f"{PATH}/cases", state="rejected") == []


async def test_a_version_has_the_accepted_cases_and_emits_its_event(
    api: httpx.AsyncClient, engine: AsyncEngine, tmp_path: Path
) -> None:
    await create(api, *(sent_case(n, parent="case-1" if n == 3 else None, protected=n == 2) for n in range(1, 6)))
    await accept(api, 1, 2, 3)
    await accept(api, 4, state="rejected")
    status, version = await publish(api)
    assert (status, version["version"], version["cases"], version["clusters"], version["protected"]) == (
        201,
        1,
        3,
        2,
        1,
    )
    assert (await publish(api)) == (200, version), "nothing changed since"

    path = tmp_path / "returns.jsonl"
    path.write_bytes((await api.get(f"{PATH}/versions/{version['digest']}/export")).content)
    manifest_path(path).write_bytes((await api.get(f"{PATH}/versions/{version['digest']}/manifest")).content)
    golden_set, manifest = read_golden_set(path)
    assert [case.id for case in golden_set.cases] == ["case-1", "case-2", "case-3"]
    assert (golden_set.digest, manifest.name) == (version["digest"], "returns")

    await accept(api, 2, state="rejected")
    _, second = await publish(api)
    await accept(api, 2)
    _, third = await publish(api)
    assert (second["version"], third["version"], third["digest"]) == (2, 3, version["digest"])
    listed = await items(api, f"{PATH}/versions", limit=2)
    assert [it["version"] for it in listed] == [3, 2, 1]
    assert (await api.get(PATH)).json()["latest"] == third
    events = await emitted(engine)
    assert [(it.version, it.digest, it.cases, it.clusters) for it in events] == [
        (it["version"], it["digest"], it["cases"], it["clusters"]) for it in (version, second, third)
    ]
    assert events[0] == DatasetPublished(
        project="acme", environment="production", target="bot", dataset="returns", version=1,
        digest=version["digest"], cases=3, clusters=2,
    )  # fmt: skip


async def test_a_published_version_can_not_be_changed(api: httpx.AsyncClient, engine: AsyncEngine) -> None:
    await create(api, sent_case(1))
    await accept(api, 1)
    await publish(api)
    for statement in (update(versions).values(digest="other"), delete(versions)):
        async with engine.connect() as conn:
            with pytest.raises(DBAPIError, match="cannot be changed or deleted"):
                await conn.execute(statement)


async def test_requests_at_the_same_time_do_not_repeat_anything(api: httpx.AsyncClient, engine: AsyncEngine) -> None:
    assert {
        it.status_code for it in await asyncio.gather(*(api.put(PATH, json={"target": "bot"}) for _ in range(3)))
    } <= {200, 201}
    body = {"cases": [sent_case(n) for n in range(20)]}
    added = await asyncio.gather(*(api.post(f"{PATH}/cases", json=body) for _ in range(3)))
    assert sorted((it.json()["added"], it.json()["repeated"]) for it in added) == [(0, 20), (0, 20), (20, 0)]
    await accept(api, *range(20))
    published = await asyncio.gather(*(publish(api) for _ in range(3)))
    assert sorted(status for status, _ in published) == [200, 200, 201]
    assert len(await emitted(engine)) == 1
