"""HTTP routes of the proposer."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from proposer.app import build_app
from proposer.settings import ProposerSettings
from proposer.storage.tables import keys
from shared.auth.principal import hash_secret
from shared.events import derived_id
from shared.testing.clock import FakeClock
from tests.integration.proposer.test_pull_requests import make_site
from tests.support.api_document import service_check
from tests.support.forges import FakeGitHub
from tests.support.proposer import NOW, cause, execution, feedback, live, prompt, regression, slotted
from tests.support.proposer_service import Proposer


@pytest.fixture
async def api(settings: ProposerSettings, engine: AsyncEngine) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a key that may read acme's production."""
    async with engine.begin() as conn:
        for key_id, scopes in (("reader", ["read"]), ("sender", ["ingest"]), ("admin", ["read", "admin"])):
            row = {"key_id": key_id, "revision": 1, "secret_hash": hash_secret("s"), "subject": key_id}
            more = {"subject_kind": "service", "project": "acme", "environment": "production", "revoked": False}
            await conn.execute(insert(keys).values(**row, **more, scopes=scopes))
    app = build_app(settings, FakeClock(NOW))
    headers = {"authorization": "Bearer rk_reader_s"}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://test",
        headers=headers,
        event_hooks=service_check("proposer"),
    ) as client:
        yield client


async def items(api: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = await api.get(path, params=query)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def test_candidates_are_listed_best_first_with_the_selection(api: httpx.AsyncClient, proposer: Proposer) -> None:
    await proposer.deliver(feedback(9, kind="rating", value=4.0), *(feedback(n) for n in range(6)))
    found = await items(api, "/v1/candidates", name="answer")
    assert [item["input"] for item in found] == [f"Question {n}?" for n in (*range(6), 9)]
    chosen = [item for item in found if item["chosen"]]
    assert len(chosen) == 5
    assert await items(api, "/v1/candidates", name="answer", chosen="true") == chosen
    assert not found[-1]["chosen"], "a rating of 4 is too low for real time"
    assert found[0]["output"] == "Answer 0."
    assert await items(api, "/v1/candidates", name="other") == []


async def test_candidates_of_one_slot(api: httpx.AsyncClient, proposer: Proposer) -> None:
    await proposer.deliver(*(feedback(n) for n in range(3)))
    assert not any(item["chosen"] for item in await items(api, "/v1/candidates", name="answer", slot="examples"))
    await proposer.deliver(live(slotted(slots={"examples": {"max": 2}})))
    in_slot = await items(api, "/v1/candidates", name="answer", slot="examples")
    assert [item["chosen"] for item in in_slot] == [True, True, False]
    assert not any(item["chosen"] for item in await items(api, "/v1/candidates", slot="other"))


async def test_candidate_of_one_feedback(api: httpx.AsyncClient, proposer: Proposer) -> None:
    await proposer.deliver(*(feedback(n) for n in range(3)))
    by_feedback = await items(api, "/v1/candidates", feedback_id=str(feedback(1).feedback_id))
    by_execution = await items(api, "/v1/candidates", execution_id="e1")
    assert [item["input"] for item in by_feedback] == ["Question 1?"]
    assert by_feedback == by_execution


async def test_candidates_are_paged(api: httpx.AsyncClient, proposer: Proposer) -> None:
    ranked = [feedback(n) for n in range(3)] + [
        feedback(3, kind="rating", value=4.0),
        feedback(4, key_scope="browser-ingest"),
    ]
    await proposer.deliver(*ranked)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 2}
    while query:
        answer = (await api.get("/v1/candidates", params=query)).json()
        seen += [item["execution_id"] for item in answer["items"]]
        query = {"limit": 2, "cursor": answer["next"]} if answer["next"] else {}
    assert seen == [f"e{n}" for n in range(5)]


async def test_drafts_are_paged(api: httpx.AsyncClient, proposer: Proposer) -> None:
    fallen = [regression(regression_id=derived_id("regression", str(n))) for n in range(3)]
    await proposer.deliver(*fallen)  # all updated at the same time
    first = (await api.get("/v1/drafts", params={"limit": 2})).json()
    second = (await api.get("/v1/drafts", params={"limit": 2, "cursor": first["next"]})).json()
    listed = [item["regression_id"] for item in (*first["items"], *second["items"])]
    assert listed == sorted(str(each.regression_id) for each in fallen)
    assert second["next"] is None


async def test_drafts_show_the_outcome_of_each_regression(api: httpx.AsyncClient, proposer: Proposer) -> None:
    good, bad = prompt("a", "b"), prompt("a")
    await proposer.deliver(live(good, 1), live(bad, 2))
    fell = regression(cause(good.digest, bad.digest))
    await proposer.deliver(fell)
    (drafted,) = await items(api, "/v1/drafts", regression_id=str(fell.regression_id))
    (ready,) = await proposer.emitted()
    assert (drafted["proposal_id"], drafted["proposal_state"]) == (str(ready.proposal_id), "open")
    assert drafted["reason"] is None
    await proposer.deliver(regression(revision=2))
    (drafted,) = await items(api, "/v1/drafts")
    assert drafted["reason"] == "cause-unknown"


async def test_other_project_gets_nothing(api: httpx.AsyncClient, proposer: Proposer) -> None:
    await proposer.deliver(feedback(1, project="other"), feedback(2, environment="staging"))
    await proposer.deliver(regression(project="other"))
    assert await items(api, "/v1/candidates") == []
    assert await items(api, "/v1/drafts") == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("candidates?name=%00", 422),
        ("candidates?limit=0", 422),
        ("candidates?cursor=-1", 422),
        ("candidates?cursor=WyJhIiwxLCJ4IiwiMjAyNi0wMS0wMVQwMDowMDowMCswMDowMCIsIjAiXQ", 422),
        ("drafts?cursor=WzFd", 422),
        ("candidates?feedback_id=x", 422),
        ("candidates?name=%ff%fe", 200),
        ("drafts?regression_id=x", 422),
        ("drafts?limit=1e9", 422),
    ],
)
async def test_invalid_parameters_are_rejected_by_name(api: httpx.AsyncClient, query: str, status: int) -> None:
    answer = await api.get(f"/v1/{query}")
    assert answer.status_code == status
    if status != 200:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["errors"][0]["field"] in query


@pytest.mark.parametrize(("header", "status"), [("", 401), ("Bearer rk_reader_x", 401), ("Bearer rk_sender_s", 403)])
async def test_reading_needs_the_scope_read(api: httpx.AsyncClient, header: str, status: int) -> None:
    for path in ("/v1/candidates", "/v1/drafts"):
        assert (await api.get(path, headers={"authorization": header})).status_code == status


ADMIN = {"authorization": "Bearer rk_admin_s"}


async def test_settings_of_a_target_change_its_examples(api: httpx.AsyncClient, proposer: Proposer) -> None:
    rated = [feedback(n, kind="rating", value=4.25) for n in range(3)]
    await proposer.deliver(*rated)
    assert not any(item["chosen"] for item in await items(api, "/v1/candidates"))
    path = "/v1/tuning-settings/bot"
    changed = await api.put(path, json={"realtime_min_rating": 4.25, "max_examples": 2}, headers=ADMIN)
    assert changed.status_code == 200, changed.text
    assert (await api.get(path)).json() == changed.json() == {
        "target": "bot", "realtime_min_rating": 4.25, "batch_min_rating": 4.0, "window_days": 30, "max_examples": 2,
        "max_tokens": 2000, "schedule": None, "time_zone": "UTC", "regions": None, "confidentiality": None,
        "allow_unknown_data": False,
    }  # fmt: skip
    assert [it["target"] for it in await items(api, "/v1/tuning-settings")] == ["bot"]
    await proposer.deliver(feedback(9))
    assert sum(item["chosen"] for item in await items(api, "/v1/candidates")) == 2


async def test_allowed_data_of_a_target_is_set(api: httpx.AsyncClient, proposer: Proposer) -> None:
    allowed = {"regions": ["EU", "eu", "eu-central-1"], "confidentiality": "internal", "allow_unknown_data": True}
    changed = await api.put("/v1/tuning-settings/bot", json=allowed, headers=ADMIN)
    assert changed.json()["regions"] == ["eu", "eu-central-1"]
    await proposer.deliver(feedback(1), feedback(2, execution=execution(2, confidentiality="restricted")))
    assert [item["chosen"] for item in await items(api, "/v1/candidates")] == [True, False]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"confidentiality": "secret"}, "confidentiality"),
        ({"regions": []}, "regions"),
        ({"realtime_min_rating": 3.9}, "realtime_min_rating"),
        ({"max_examples": 6}, "max_examples"),
        ({"x": 1}, "x"),
        ({"schedule": "61 * * * *"}, "schedule"),
        ({"time_zone": "Mars/Base"}, "time_zone"),
        ({"schedule": "0 0 30 2 *"}, "schedule"),
    ],
)
async def test_settings_out_of_range_are_rejected_by_name(
    api: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    answer = await api.put("/v1/tuning-settings/bot", json=body, headers=ADMIN)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field)


async def test_only_admins_change_settings(api: httpx.AsyncClient) -> None:
    assert (await api.put("/v1/tuning-settings/bot", json={})).status_code == 403


async def test_pull_requests_and_texts_are_listed(api: httpx.AsyncClient, engine: AsyncEngine) -> None:
    """The answers conform to their description, field by field, and a page follows the other."""
    fake = FakeGitHub()
    fake.repository.commit("main", "prompts/answer.txt", "You are a clerk.\nBe brief.\nUse emojis.\n")
    site = make_site(engine, fake)
    ready = await site.propose()
    await site.worker.texts.declare_homes()
    await site.worker.run()
    (found,) = await items(api, "/v1/pull-requests", proposal_id=ready.proposal_id)
    assert (found["state"], found["number"], found["evaluation"]) == ("open", 1, None)
    assert [check["passed"] for check in found["checks"]] == [True] * 5
    assert await items(api, "/v1/pull-requests", name="other") == []
    page = (await api.get("/v1/pull-requests", params={"limit": 1})).json()
    assert (await api.get("/v1/pull-requests", params={"limit": 1, "cursor": page["next"]})).json()["items"] == []
    (text,) = await items(api, "/v1/repository-texts", name="answer")
    assert (text["same"], text["path"], text["fault"]) == (True, "prompts/answer.txt", None)
