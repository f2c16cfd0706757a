"""The page of topics, and the one of dead letters."""

from typing import Any

import pytest

from tests.support.console import NOW, FakeServices, console_client

SERVICES = ("analyzer", "collector", "gatekeeper", "proposer")
LETTER = "01a2b3c4-0000-7000-8000-000000000001"


@pytest.fixture
def quiet(api: FakeServices) -> FakeServices:
    """Four services of which nothing is known yet."""
    for service in SERVICES:
        api.answers[f"/v1/ops/{service}/topics"] = said()
        api.answers[f"/v1/ops/{service}/dead-letters"] = {"items": [], "next": None}
    return api


def said(**parts: Any) -> dict[str, Any]:
    return {"instance": "one", "since": NOW, "topics": [], "consumers": [], "dead_letters": [], **parts}


def parked(**parts: Any) -> dict[str, Any]:
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


async def test_what_needs_somebody_is_said_first(quiet: FakeServices) -> None:
    consumer = {"consumer": "proposer.feedback", "topic": "feedback.created", "rate_per_s": 12.4, "lag": 1200}
    quiet.answers["/v1/ops/proposer/topics"] = said(
        consumers=[{**consumer, "oldest_unprocessed_at": "2026-01-02T03:04:05Z", "paused": True}],
        dead_letters=[
            {"topic": "feedback.created", "consumer": "proposer.feedback", "parked": 2, "oldest_parked_at": NOW}
        ],
    )
    async with console_client(quiet) as client:
        page = (await client.get("/topics")).text
    assert "1 paused" in page
    assert 'data-api="/v1/ops/proposer/consumers/proposer.feedback/resume"' in page
    assert "2 dead letters" in page
    assert 'href="/topics/dead-letters?service=proposer"' in page
    assert "1,200" in page
    assert page.index("feedback.created") < page.index("execution.recorded")
    assert 'data-live="clock"' in page


async def test_a_service_that_is_away_is_said_and_the_rest_is_shown(quiet: FakeServices) -> None:
    quiet.answers["/v1/ops/analyzer/topics"] = None
    async with console_client(quiet) as client:
        answer = await client.get("/topics")
    assert answer.status_code == 200
    assert "The analyzer does not respond" in answer.text
    assert "quality.measured" in answer.text
    assert "Nothing is paused" not in answer.text


async def test_when_all_is_well_it_says_so(quiet: FakeServices) -> None:
    async with console_client(quiet) as client:
        page = (await client.get("/topics")).text
    assert "Nothing is paused or behind" in page


async def test_who_does_not_operate_is_told_so(quiet: FakeServices) -> None:
    quiet.sign_in("read", role="viewer")
    for service in SERVICES:
        quiet.refuse(f"/v1/ops/{service}/topics", 403, "scope-missing")
    async with console_client(quiet) as client:
        answers = [await client.get("/topics"), await client.get("/topics/dead-letters")]
    assert [answer.status_code for answer in answers] == [403, 403]
    assert 'href="/topics"' not in answers[0].text


async def test_a_letter_is_shown_as_text(quiet: FakeServices) -> None:
    quiet.answers["/v1/ops/proposer/dead-letters"] = {"items": [parked()], "next": "2026-01-01T00:00:00+00:00"}
    async with console_client(quiet) as client:
        page = (await client.get("/topics/dead-letters?service=proposer")).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &lt;U+202E&gt;" in page
    assert "&lt;U+001B&gt;[31m1" in page
    assert "x&lt;y" in page
    for act in ("replay", "discard"):
        assert f'data-api="/v1/ops/proposer/dead-letters/{LETTER}/{act}"' in page
    assert "service=proposer&amp;before=2026-01-01T00%3A00%3A00%2B00%3A00" in page


async def test_letters_begin_where_there_are_some(quiet: FakeServices) -> None:
    letters = [{"topic": "prompt.live", "consumer": "proposer.prompts", "parked": 1, "oldest_parked_at": NOW}]
    quiet.answers["/v1/ops/proposer/topics"] = said(dead_letters=letters)
    async with console_client(quiet) as client:
        await client.get("/topics/dead-letters")
        none = (await client.get("/topics/dead-letters?service=analyzer")).text
        odd = await client.get("/topics/dead-letters?service=nobody")
        earlier = await client.get("/topics/dead-letters?service=analyzer&before=2026-01-01T00:00:00%2B00:00")
    assert len(quiet.queries("/v1/ops/proposer/dead-letters")) == 1
    assert "No dead letters in the analyzer" in none
    assert (odd.status_code, earlier.status_code) == (404, 200)
    assert quiet.queries("/v1/ops/analyzer/dead-letters")[1]["before"] == "2026-01-01T00:00:00+00:00"


async def test_a_page_asks_for_itself_with_all_that_it_was_asked(quiet: FakeServices) -> None:
    async with console_client(quiet) as client:
        page = (await client.get("/topics/dead-letters?service=analyzer")).text
    assert 'hx-get="/topics/dead-letters?service=analyzer"' in page
