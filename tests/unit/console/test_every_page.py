"""Properties of every page: access, unavailable services, and security headers."""

import pytest

from tests.support.console import FakeServices, console_client

EMPTY: dict[str, object] = {"items": [], "next": None}


def empty(api: FakeServices) -> None:
    """Services without data."""
    api.answers |= {
        "/v1/quality": {**EMPTY, "uncounted": {}},
        "/v1/quality/series": EMPTY,
        "/v1/regressions": EMPTY,
        "/v1/proposals": EMPTY,
        "/v1/prompts": EMPTY,
    }


async def test_requests_without_session_are_redirected_to_sign_in(api: FakeServices) -> None:
    async with console_client(api, signed_in=False) as client:
        answer = await client.get("/")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        assert "link that works once" in (await client.get("/sign-in")).text
        assert (await client.get("/events")).status_code == 204
    assert api.requests == []


async def test_sign_in_page_shows_an_existing_session(api: FakeServices) -> None:
    async with console_client(api) as inside, console_client(api, signed_in=False) as outside:
        assert (await inside.get("/sign-in/known")).json() == {"known": True}
        assert (await outside.get("/sign-in/known")).json() == {"known": False}


async def test_cookies_of_an_ended_session_are_cleared(api: FakeServices) -> None:
    api.refuse("/v1/session", 401)
    async with console_client(api) as client:
        answer = await client.get("/")
        assert answer.headers["location"] == "/sign-in"
        assert 'ratchet_reading=""' in answer.headers["set-cookie"]


async def test_new_system_shows_how_to_start(api: FakeServices) -> None:
    empty(api)
    async with console_client(api) as client:
        page = (await client.get("/")).text
    assert "No data yet" in page
    assert "None." in page


async def test_unavailable_service_is_named(api: FakeServices) -> None:
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


async def test_a_session_that_ends_while_a_page_is_read_is_signed_out(
    api: FakeServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.page_context._KEY_UNKNOWN_RETRIES_S", (0.0,))
    empty(api)
    api.refuse("/v1/regressions", 401)
    ended = (401, {"code": "unauthorized", "title": "Unauthorized"})
    sessions = iter([api.answers["/v1/session"], ended])
    api.answers["/v1/session"] = lambda: next(sessions)
    async with console_client(api) as client:
        answer = await client.get("/regressions")
    assert answer.headers["location"] == "/sign-in"
    assert 'ratchet_reading=""' in answer.headers["set-cookie"]


async def test_forbidden_and_not_found_are_pages(api: FakeServices) -> None:
    api.refuse("/v1/regressions", 403, "scope-missing", "This key is not allowed to do that")
    async with console_client(api) as client:
        refused, nothing = await client.get("/regressions"), await client.get("/nowhere")
        odd = await client.get("/regressions?state=soon")
    assert refused.status_code == 403
    assert "You may not see this" in refused.text
    assert (nothing.status_code, odd.status_code) == (404, 404)
    assert 'href="/prompts"' in nothing.text, "the page links onwards"
    assert 'href="/prompts"' in odd.text


async def test_not_found_without_session(api: FakeServices) -> None:
    async with console_client(api, signed_in=False) as client:
        nothing = await client.get("/nowhere")
    assert nothing.status_code == 404
    assert 'href="/prompts"' not in nothing.text


async def test_content_security_policy_allows_only_our_scripts(api: FakeServices) -> None:
    async with console_client(api) as client:
        answer = await client.get("/sign-in")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_static_files_are_cached_by_version(api: FakeServices) -> None:
    async with console_client(api) as client:
        kept = await client.get("/static/console.css?v=1")
        asked_again = await client.get("/static/console.css")
    assert "immutable" in kept.headers["cache-control"]
    assert asked_again.headers["cache-control"] == "no-cache"


async def test_halt_is_shown_on_every_page(api: FakeServices) -> None:
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
