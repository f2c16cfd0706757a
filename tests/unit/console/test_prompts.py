"""The list of prompts: live versions, and versions observed outside Ratchet."""

from typing import Any

from tests.support.console import DIGEST, NOW, OTHER, FakeServices, console_client

LIVE = {"target": "bot", "digest": DIGEST, "sequence": 4, "reason": "rolled_back", "by": "ann", "occurred_at": NOW}


def seen(digest: str, *, reviewed: bool = False, known: bool = True) -> dict[str, Any]:
    return {"digest": digest, "target": "bot", "first_seen": NOW, "content_known": known, "reviewed": reviewed}


def named(name: str, live: object = None, *observed: object) -> dict[str, Any]:
    return {"name": name, "live": live, "observed": list(observed)}


async def test_prompts_show_live_versions_and_unreviewed_ones(api: FakeServices) -> None:
    api.answers["/v1/prompts"] = {
        "items": [named("answer", LIVE, seen(OTHER), seen(DIGEST, reviewed=True)), named("greet", None, seen(OTHER))],
        "next": None,
    }
    async with console_client(api) as client:
        page = (await client.get("/prompts")).text
    assert "live: number 4" in page
    assert "rolled back by ann" in page
    assert page.count("1 unreviewed") == 2
    assert "not managed yet" in page
    assert "More" not in page


async def test_names_with_special_characters(api: FakeServices) -> None:
    api.answers["/v1/prompts"] = {"items": [named("a/b? <i>\u202e", LIVE)], "next": "WyJhIl0"}
    async with console_client(api) as client:
        page = (await client.get("/prompts")).text
    assert 'href="/prompts/a%2Fb%3F%20%3Ci%3E%E2%80%AE"' in page
    assert "a/b? &lt;i&gt;&lt;U+202E&gt;" in page
    assert "cursor=WyJhIl0" in page


async def test_next_page_follows_the_last_name(api: FakeServices) -> None:
    api.answers["/v1/prompts"] = {"items": [], "next": None}
    async with console_client(api) as client:
        page = (await client.get("/prompts?cursor=WyJncmVldCJd")).text
    assert "No prompts yet" in page
    assert api.queries("/v1/prompts") == [{"cursor": "WyJncmVldCJd", "limit": "50"}]
    assert 'hx-get="/prompts?cursor=WyJncmVldCJd"' in page
