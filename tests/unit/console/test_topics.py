"""The page of topics, and that of dead letters."""

from typing import Any

import pytest

from tests.support.console import NOW, FakeServices, console_client

SERVICES = ("analyzer", "collector", "evaluator", "gatekeeper", "proposer")
LETTER = "01a2b3c4-0000-7000-8000-000000000001"


@pytest.fixture
def no_data(api: FakeServices) -> FakeServices:
    """Five services without data."""
    for service in SERVICES:
        api.answers[f"/v1/ops/{service}/topics"] = ops_response()
        api.answers[f"/v1/ops/{service}/dead-letters"] = {"items": [], "next": None}
    return api


def ops_response(**parts: Any) -> dict[str, Any]:
    return {"instance": "one", "since": NOW, "topics": [], "consumers": [], "dead_letters": [], **parts}


def dead_letter(**parts: Any) -> dict[str, Any]:
    return {
        "id": LETTER,
        "consumer": "proposer.feedback",
        "origin": {"topic": "feedback.created", "partition": 3, "offset": 17},
        "reason": "poison",
        "detail": "ValueError at line \x1b[31m1",
        "status": "parked",
        "parked_at": NOW,
        "headers": {"ce_id": "x<y", "ce_type": "feedback.created"},
        "payload": '{"comment":"<script>alert(1)</script> \u202e"}',
        **parts,
    }


async def test_topics_that_need_attention_come_first(no_data: FakeServices) -> None:
    consumer = {"consumer": "proposer.feedback", "topic": "feedback.created", "rate_per_s": 12.4, "lag": 1200}
    no_data.answers["/v1/ops/proposer/topics"] = ops_response(
        consumers=[{**consumer, "oldest_unprocessed_at": "2026-01-02T03:04:05Z", "paused": True}],
        dead_letters=[
            {"topic": "feedback.created", "consumer": "proposer.feedback", "parked": 2, "oldest_parked_at": NOW}
        ],
    )
    async with console_client(no_data) as client:
        page = (await client.get("/topics")).text
    assert "1 paused" in page
    assert 'data-api="/v1/ops/proposer/consumers/proposer.feedback/resume"' in page
    assert "2 dead letters" in page
    assert 'href="/topics/dead-letters?service=proposer"' in page
    assert "1,200" in page
    assert page.index("feedback.created") < page.index("execution.recorded")
    assert 'data-live="clock"' in page


async def test_unavailable_service_is_named_and_the_rest_is_shown(no_data: FakeServices) -> None:
    no_data.answers["/v1/ops/analyzer/topics"] = None
    async with console_client(no_data) as client:
        answer = await client.get("/topics")
    assert answer.status_code == 200
    assert "The analyzer does not respond" in answer.text
    assert "quality.measured" in answer.text
    assert "Nothing is paused" not in answer.text


async def test_healthy_state_is_stated(no_data: FakeServices) -> None:
    async with console_client(no_data) as client:
        page = (await client.get("/topics")).text
    assert "Nothing is paused or behind" in page


async def test_missing_permission_is_explained(no_data: FakeServices) -> None:
    no_data.sign_in("read", role="viewer")
    for service in SERVICES:
        no_data.refuse(f"/v1/ops/{service}/topics", 403, "scope-missing")
    async with console_client(no_data) as client:
        answers = [await client.get("/topics"), await client.get("/topics/dead-letters")]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert 'href="/topics"' not in answers[0].text


async def test_dead_letter_is_shown_as_text(no_data: FakeServices) -> None:
    no_data.answers["/v1/ops/proposer/dead-letters"] = {
        "items": [dead_letter()],
        "next": "abc",
    }
    async with console_client(no_data) as client:
        page = (await client.get("/topics/dead-letters?service=proposer")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &lt;U+202E&gt;" in page
    assert "&lt;U+001B&gt;[31m1" in page
    assert "x&lt;y" in page
    for act in ("replay", "discard"):
        assert f'data-api="/v1/ops/proposer/dead-letters/{LETTER}/{act}"' in page
    assert "service=proposer&amp;cursor=abc" in page


async def test_dead_letters_page_selects_a_service_that_has_some(no_data: FakeServices) -> None:
    letters = [{"topic": "prompt.live", "consumer": "proposer.prompts", "parked": 1, "oldest_parked_at": NOW}]
    no_data.answers["/v1/ops/proposer/topics"] = ops_response(dead_letters=letters)
    async with console_client(no_data) as client:
        await client.get("/topics/dead-letters")
        none = (await client.get("/topics/dead-letters?service=analyzer")).text
        odd = await client.get("/topics/dead-letters?service=nobody")
        earlier = await client.get("/topics/dead-letters?service=analyzer&cursor=abc")
    assert len(no_data.queries("/v1/ops/proposer/dead-letters")) == 1
    assert "No dead letters in the analyzer" in none
    assert (odd.status_code, earlier.status_code) == (404, 200)
    assert no_data.queries("/v1/ops/analyzer/dead-letters")[1]["cursor"] == "abc"


async def test_page_refreshes_with_its_own_query(no_data: FakeServices) -> None:
    async with console_client(no_data) as client:
        page = (await client.get("/topics/dead-letters?service=analyzer")).text
    assert 'hx-get="/topics/dead-letters?service=analyzer"' in page
