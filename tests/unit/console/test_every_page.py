"""What holds for every page: who may see it, what it says when something is away, and what it tells the browser."""

import pytest

from tests.support.console import FakeServices, console_client

EMPTY: dict[str, object] = {"items": [], "next": None}


def empty(api: FakeServices) -> None:
    """Services that know of nothing yet."""
    api.answers |= {
        "/v1/quality": {**EMPTY, "uncounted": {}},
        "/v1/quality/series": EMPTY,
        "/v1/regressions": EMPTY,
        "/v1/proposals": EMPTY,
        "/v1/prompts": EMPTY,
    }


async def test_who_is_not_signed_in_is_led_to_the_door(api: FakeServices) -> None:
    async with console_client(api, signed_in=False) as client:
        answer = await client.get("/")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        assert "link that works once" in (await client.get("/sign-in")).text
        assert (await client.get("/events")).status_code == 204
    assert api.requests == []


async def test_the_door_knows_whether_somebody_is_in_already(api: FakeServices) -> None:
    async with console_client(api) as inside, console_client(api, signed_in=False) as outside:
        assert (await inside.get("/sign-in/known")).json() == {"known": True}
        assert (await outside.get("/sign-in/known")).json() == {"known": False}


async def test_a_session_that_ended_is_forgotten(api: FakeServices) -> None:
    api.refuse("/v1/session", 401)
    async with console_client(api) as client:
        answer = await client.get("/")
        assert answer.headers["location"] == "/sign-in"
        assert 'ratchet_reading=""' in answer.headers["set-cookie"]


async def test_a_new_system_shows_how_to_begin(api: FakeServices) -> None:
    empty(api)
    async with console_client(api) as client:
        page = (await client.get("/")).text
    assert "No data yet" in page
    assert "None." in page


async def test_an_unavailable_service_is_named(api: FakeServices) -> None:
    empty(api)
    api.answers["/v1/quality"] = None
    async with console_client(api) as client:
        answer = await client.get("/")
    assert answer.status_code == 503
    assert "A service does not respond" in answer.text
    assert "/v1/quality" in answer.text
    assert "data-again" in answer.text


async def test_a_key_unknown_to_a_service_is_retried(api: FakeServices, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.page_context._KEY_UNKNOWN_RETRIES_S", (0.0, 0.0))
    empty(api)
    api.refuse("/v1/regressions", 401)
    async with console_client(api) as client:
        answer = await client.get("/regressions")
    assert answer.status_code == 503
    assert len(api.queries("/v1/regressions")) == 2


async def test_no_permission_and_nothing_there_are_pages(api: FakeServices) -> None:
    api.refuse("/v1/regressions", 403, "scope-missing", "This key is not allowed to do that")
    async with console_client(api) as client:
        refused, nothing = await client.get("/regressions"), await client.get("/nowhere")
        odd = await client.get("/regressions?state=soon")
    assert refused.status_code == 403
    assert "You may not see this" in refused.text
    assert (nothing.status_code, odd.status_code) == (404, 404)
    assert 'href="/prompts"' in nothing.text, "one finds on from there"
    assert 'href="/prompts"' in odd.text


async def test_nothing_is_there_for_who_is_not_signed_in_too(api: FakeServices) -> None:
    async with console_client(api, signed_in=False) as client:
        nothing = await client.get("/nowhere")
    assert nothing.status_code == 404
    assert 'href="/prompts"' not in nothing.text


async def test_browsers_are_told_to_run_nothing_but_our_own_scripts(api: FakeServices) -> None:
    async with console_client(api) as client:
        answer = await client.get("/sign-in")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_static_files_are_kept_by_their_version(api: FakeServices) -> None:
    async with console_client(api) as client:
        kept = await client.get("/static/console.css?v=1")
        asked_again = await client.get("/static/console.css")
    assert "immutable" in kept.headers["cache-control"]
    assert asked_again.headers["cache-control"] == "no-cache"


async def test_a_halted_loop_shows_on_every_page(api: FakeServices) -> None:
    empty(api)
    api.answers["/v1/loop"] = {
        "halted": True, "scope": "environment", "revision": 1, "by": "<b>eve</b>", "reason": "too \u202e odd",
        "at": "2026-01-02T03:04:05Z"
    }  # fmt: skip
    async with console_client(api) as client:
        page = (await client.get("/regressions")).text
    assert "&lt;b&gt;eve&lt;/b&gt;" in page
    assert "too &lt;U+202E&gt; odd" in page
    assert "Resume" in page
