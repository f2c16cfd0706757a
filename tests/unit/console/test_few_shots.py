"""The few-shots page: live examples by slot, candidates with their reasons, and the remaining use of grants."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.domain.few_shots import grants
from ratchet.prompt import example_digest
from tests.support.console import DIGEST, NOW, OTHER, FakeServices, console_client

LIVE = {"target": "bot", "digest": DIGEST, "sequence": 4, "reason": "promoted", "by": "ann", "occurred_at": NOW}
LIKED = {"input": "How?", "output": "So <b>\u202e</b>."}
GRANT = {
    "id": "0190f2f4-0000-7000-8000-000000000001", "name": "answer", "slot": "shots", "count": 5, "used": 2,
    "per_hour": 3, "given_by": "ann", "given_at": NOW, "expires_at": "2999-01-01T00:00:00Z", "revoked_at": None,
    "revoked_by": None,
}  # fmt: skip


def candidate(**given: Any) -> dict[str, Any]:
    return {
        "name": "answer", "target": "bot", "feedback_id": "f1", "execution_id": "e1", "score": 1.0, **LIKED,
        "user": "k1:abc", "chosen": True, "occurred_at": NOW, "received_at": NOW, **given,
    }  # fmt: skip


@pytest.fixture
def few_shots_data(api: FakeServices) -> FakeServices:
    """A live prompt with an example in its slot, one that is not managed, two candidates and a grant."""
    slots = {"shots": {"max": 3, "set": OTHER}, "more": {"max": 1, "set": None}}
    names = [{"name": "answer", "live": LIVE, "observed": []}, {"name": "greet", "live": None, "observed": []}]
    proposal = {"id": "p1", "name": "answer", "kind": "few_shot", "opened_at": NOW, "evidence": {"summary": "Better."}}
    api.answers |= {
        "/v1/prompts": {"items": names, "next": None},
        "/v1/prompts/answer": {"name": "answer", "document": {"slots": slots}, "examples": {"shots": [LIKED]}},
        "/v1/proposals": {"items": [proposal, {**proposal, "id": "p2", "kind": "edit"}], "next": None},
        "/v1/candidates": {"items": [candidate(), candidate(input="Why?", chosen=False, score=0.75)], "next": "20"},
        "/v1/grants": {"items": [GRANT], "next": None},
    }
    return api


async def page_of(api: FakeServices, path: str = "/few-shots") -> str:
    async with console_client(api) as client:
        answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.text


async def test_live_example_can_be_revoked(few_shots_data: FakeServices) -> None:
    page = await page_of(few_shots_data)
    assert f'data-api="/v1/examples/{example_digest(LIKED).replace(":", "%3A")}/revoke"' in page
    assert "So &lt;b&gt;&lt;U+202E&gt;&lt;/b&gt;." in page
    assert "1 of at most 3" in page
    assert "No examples yet" in page


async def test_candidates_show_their_reason_and_feedback(few_shots_data: FakeServices) -> None:
    page = await page_of(few_shots_data)
    assert page.count("live in shots") == 1
    assert (page.count(">chosen<"), page.count(">not chosen<")) == (1, 1)
    assert "score 0.75" in page
    assert 'title="feedback f1"' in page
    assert "k1:abc" in page
    assert "cursor=20" in page


async def test_only_few_shot_proposals_are_listed(few_shots_data: FakeServices) -> None:
    page = await page_of(few_shots_data)
    assert "/proposals/p1" in page
    assert "/proposals/p2" not in page


async def test_grant_is_given_for_one_slot_and_revoked_with_its_consequences(few_shots_data: FakeServices) -> None:
    page = await page_of(few_shots_data)
    assert page.count('data-api="/v1/grants"') == 2, "one for each slot"
    assert 'name="expires_at" type="number" data-type="hours"' in page
    assert "2 of 5" in page
    assert "3 left" in page
    assert f'data-api="/v1/grants/{GRANT["id"]}/revoke"' in page
    assert "All examples that went live by it are revoked" in page


async def test_non_reviewers_can_only_read(few_shots_data: FakeServices) -> None:
    few_shots_data.sign_in("read", role="viewer")
    page = await page_of(few_shots_data)
    assert "data-opens" not in page.split('id="page"')[1].split("</main>")[0]
    assert "Only reviewers" in page


async def test_candidates_are_filtered_by_prompt(few_shots_data: FakeServices) -> None:
    page = await page_of(few_shots_data, "/few-shots?name=greet&cursor=20")
    assert few_shots_data.queries("/v1/candidates") == [{"name": "greet", "cursor": "20", "limit": "12"}]
    assert "Candidates for greet" in page
    assert "name=greet&amp;cursor=20" in page


async def test_unavailable_services_leave_the_rest_of_the_page(few_shots_data: FakeServices) -> None:
    for path in ("/v1/candidates", "/v1/proposals", "/v1/prompts/answer"):
        few_shots_data.answers[path] = None
    page = await page_of(few_shots_data)
    assert "Candidates are not available now" in page
    assert "2 of 5" in page


async def test_new_system_explains_how_examples_arise(api: FakeServices) -> None:
    nothing: dict[str, Any] = {"items": [], "next": None}
    api.answers |= dict.fromkeys(("/v1/prompts", "/v1/proposals", "/v1/candidates", "/v1/grants"), nothing)
    page = await page_of(api)
    assert "No prompts yet" in page
    assert "None yet. A thumb up" in page
    assert "No grants." in page


@pytest.mark.parametrize(
    ("given", "state", "left"),
    [
        ({}, "active", 3),
        ({"used": 5}, "used up", 0),
        ({"expires_at": "2026-01-02T03:04:05Z"}, "expired", 3),
        ({"revoked_at": NOW, "used": 5}, "revoked", 0),
    ],
)
def test_grant_ends_in_one_of_three_ways(given: dict[str, Any], state: str, left: int) -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    [grant] = grants([{**GRANT, **given}], now)
    assert (grant.state, grant.left) == (state, left)
    assert grants([{**GRANT, **given}, GRANT], now - timedelta(days=1))[0].state == "active"
