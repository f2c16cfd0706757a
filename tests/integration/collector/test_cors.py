"""Pages of another origin: which may send feedback, with which key, and the headers that browsers get."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.integration.collector.conftest import Running
from tests.support.databases import psql
from tests.support.eventually import eventually

SHOP, OTHER = "https://shop.example", "http://localhost:5173"
THUMB = {"execution_id": "e1", "kind": "thumb", "value": True}


@pytest.fixture
def web(collector: Running, add_key: Callable[..., str]) -> Running:
    """The collector with keys of browsers: `web` lists SHOP, `other` lists OTHER, `plain` lists nothing."""
    for name, origins in (("web", [SHOP]), ("other", [OTHER]), ("plain", [])):
        collector.keys[name] = add_key(collector.dsn, name, "browser-ingest", origins=origins)
    return collector


async def post(web: Running, key: str, origin: str, **headers: str) -> httpx.Response:
    return await web.post("feedback", THUMB, Authorization=f"Bearer {web.keys[key]}", Origin=origin, **headers)


async def preflight(web: Running, origin: str, path: str = "feedback", method: str = "POST") -> httpx.Response:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "authorization",
    }
    return await web.client.options(f"/v1/{path}", headers=asked)


def cors(answer: httpx.Response) -> dict[str, str]:
    """Return what the response tells browsers about other origins."""
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


async def test_page_of_a_listed_origin_may_send_feedback(web: Running) -> None:
    answer = await post(web, "web", SHOP)
    assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
    assert cors(answer) == {
        "access-control-allow-origin": SHOP,
        "access-control-expose-headers": "RateLimit, RateLimit-Policy, Retry-After",
    }
    assert answer.headers["vary"] == "Origin"
    assert web.count("waiting") == 1


@pytest.mark.parametrize(
    ("key", "origin"),
    [
        ("web", OTHER),
        ("web", "null"),
        ("web", "http://shop.example"),
        ("web", "https://shop.example:444"),
        ("web", "https://shop.example.evil.example"),
        ("web", "https://SHOP.example"),
        ("web", ""),
        ("other", SHOP),
        ("plain", SHOP),
        ("plain", "null"),
    ],
)
async def test_page_of_another_origin_is_refused(web: Running, key: str, origin: str) -> None:
    answer = await post(web, key, origin)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross-origin")
    assert answer.headers.get("access-control-allow-origin") == (origin if origin in (SHOP, OTHER) else None)
    assert answer.headers["vary"] == "Origin"
    assert web.count("waiting") == 0


@pytest.mark.parametrize("authorization", ["", "Bearer rk_x_y", "Bearer rk_web_" + "A" * 43, "Basic eDp5"])
@pytest.mark.parametrize(("origin", "listed"), [(SHOP, True), ("https://evil.example", False), ("null", False)])
async def test_pages_can_read_a_401_where_the_preflight_is_answered(
    web: Running, authorization: str, origin: str, listed: bool
) -> None:
    answer = await web.post("feedback", THUMB, Authorization=authorization, Origin=origin)
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers.get("access-control-allow-origin") == (origin if listed else None)
    assert answer.headers["vary"] == "Origin"
    assert ((await preflight(web, origin)).status_code == 204) == listed


async def test_page_can_read_that_its_key_was_revoked(web: Running, add_key: Callable[..., str]) -> None:
    """As long as another key lists its origin."""
    web.keys["next"] = add_key(web.dsn, "next", "browser-ingest", origins=[SHOP])
    assert (await post(web, "web", SHOP)).status_code == 200
    psql(web.dsn, "UPDATE collector.api_keys SET revoked = true WHERE key_id = 'web'")

    async def refused() -> bool:
        return (await post(web, "web", SHOP)).status_code == 401

    await eventually(refused)
    assert cors(await post(web, "web", SHOP))["access-control-allow-origin"] == SHOP


@pytest.mark.parametrize(("key", "headers"), [("web", {}), ("plain", {}), ("plain", {"Sec_Fetch_Site": "same-origin"})])
async def test_own_pages_need_no_list(web: Running, key: str, headers: dict[str, str]) -> None:
    """Own pages: those of the same host, or those that the browser itself calls so, behind a proxy that sets `Host`."""
    origin = "https://behind.example" if headers else "https://collector"
    answer = await post(web, key, origin, **headers)
    assert (answer.status_code, cors(answer)) == (200, {})


async def test_answer_to_a_servers_key_is_not_for_pages(web: Running) -> None:
    answer = await post(web, "ingest", SHOP)
    assert (answer.status_code, cors(answer), "vary" in answer.headers) == (200, {}, False)
    assert web.count("waiting") == 1


@pytest.mark.parametrize(("scope", "status"), [("ingest", 422), ("read", 403)])
async def test_refusal_of_a_servers_key_is_not_for_pages(
    web: Running, add_key: Callable[..., str], scope: str, status: int
) -> None:
    """Neither before the key is in the cache nor after."""
    authorization = "Bearer " + add_key(web.dsn, "server", scope)
    for _ in range(2):
        answer = await web.post("feedback", {"kind": "thumb"}, Authorization=authorization, Origin=SHOP)
        assert (answer.status_code, cors(answer)) == (status, {})


async def test_revoked_key_is_refused_and_its_origin_forgotten(web: Running) -> None:
    assert (await post(web, "web", SHOP)).status_code == 200
    psql(web.dsn, "UPDATE collector.api_keys SET revoked = true WHERE key_id = 'web'")

    async def refused() -> bool:
        answer = await post(web, "web", SHOP)
        return answer.status_code == 401 and not cors(answer)

    async def forgotten() -> bool:
        return (await preflight(web, SHOP)).status_code == 403

    await eventually(refused)
    await eventually(forgotten)


async def test_listed_origin_gets_an_answer_to_its_preflight(web: Running) -> None:
    answer = await preflight(web, SHOP)
    assert (answer.status_code, answer.content) == (204, b"")
    assert cors(answer) == {
        "access-control-allow-origin": SHOP,
        "access-control-allow-methods": "POST",
        "access-control-allow-headers": "authorization, content-type, idempotency-key, traceparent",
        "access-control-max-age": "7200",
    }
    assert answer.headers["vary"] == "Origin"
    assert "content-type" not in answer.headers


@pytest.mark.parametrize(
    ("origin", "path", "method", "status"),
    [
        ("https://evil.example", "feedback", "POST", 403),
        ("null", "feedback", "POST", 403),
        ("*", "feedback", "POST", 403),
        (SHOP, "feedback", "GET", 405),
        (SHOP, "feedback", "PUT", 405),
        (SHOP, "feedback", "DELETE", 405),
        (SHOP, "executions", "POST", 405),
        (SHOP, "executions", "GET", 405),
    ],
)
async def test_other_preflights_allow_nothing(web: Running, origin: str, path: str, method: str, status: int) -> None:
    answer = await preflight(web, origin, path, method)
    assert (answer.status_code, cors(answer)) == (status, {})


async def test_browser_can_read_why_its_page_was_refused(web: Running) -> None:
    assert (await post(web, "web", SHOP)).status_code == 200
    answer = await web.post("feedback", {"kind": "thumb"}, Authorization=f"Bearer {web.keys['web']}", Origin=SHOP)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (422, SHOP)


async def test_quota_counts_by_address_and_is_readable(
    web: Running, instance: Callable[..., Any], add_key: Callable[..., str]
) -> None:
    """Preflights and the first request find no key yet: only the address is charged."""
    async with instance(web.dsn, web.clock, rate_limit_address=3, rate_limit_key=1_000) as limited:
        limited.keys = web.keys
        answers = [await post(limited, "web", SHOP) for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[1].headers["ratelimit-policy"] == '"address";q=3;w=10, "key";q=1000;w=10'
        assert (answers[3].headers["access-control-allow-origin"], int(answers[3].headers["retry-after"]) >= 1) == (
            SHOP,
            True,
        )
        assert (await preflight(limited, SHOP)).status_code == 204


async def test_database_that_is_down_is_no_refusal(clock: Any, instance: Callable[..., Any]) -> None:
    async with instance("postgresql://nobody@127.0.0.1:1/none", clock) as down:
        answer = await preflight(down, SHOP)
        assert (answer.status_code, "retry-after" in answer.headers, cors(answer)) == (503, True, {})
        down.keys["ingest"] = authorization = "Bearer rk_web_" + "A" * 43
        answer = await down.post("feedback", THUMB, Authorization=authorization, Origin=SHOP)
        assert (answer.status_code, "retry-after" in answer.headers, cors(answer)) == (503, True, {})
        answer = await down.post("feedback", THUMB, Authorization="", Origin=SHOP)
        assert (answer.status_code, cors(answer)) == (401, {})


async def test_preflights_read_the_database_once_in_two_seconds(web: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = 0
    read = type(web.origins)._read

    async def counted(origins: Any) -> None:
        nonlocal reads
        reads += 1
        await read(origins)

    monkeypatch.setattr(type(web.origins), "_read", counted)
    answers = await asyncio.gather(*(preflight(web, f"https://{n}.example") for n in range(50)))
    assert ({answer.status_code for answer in answers}, reads) == ({403}, 1)
