"""Sign-in by link, the permissions of a session, and its end."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from gatekeeper.bootstrap import first_link
from ratchet.signing import key_bytes, verify
from tests.support.databases import psql
from tests.support.gatekeeper import World, document
from tests.support.messaging import async_dsn

HOME = {"Origin": "http://gatekeeper"}


async def link(gate: World, subject: str = "reviewer", role: str = "admin", by: str = "admin_key") -> str:
    """Return the token of a new link."""
    answer = await gate.ask(by, "POST", "/v1/sign-in-links", {"subject": subject, "role": role})
    assert answer.status_code == 201, answer.text
    page, _, token = answer.json()["path"].partition("#")
    assert page == "/sign-in"
    return str(token)


async def sign_in(gate: World, token: str, **headers: str) -> httpx.Response:
    return await gate.clients["api"].post("/v1/sessions", json={"token": token}, headers={**HOME, **headers})


async def session(gate: World, **link_for: str) -> dict[str, str]:
    """Sign in. Return the cookies."""
    answer = await sign_in(gate, await link(gate, **link_for))
    assert answer.status_code == 201, answer.text
    cookies = {cookie.name: str(cookie.value) for cookie in answer.cookies.jar}
    gate.clients["api"].cookies.clear()
    return cookies


async def by_cookie(
    gate: World,
    cookies: dict[str, str],
    method: str,
    path: str,
    body: object = None,
    origin: str | None = HOME["Origin"],
) -> httpx.Response:
    headers = {"Cookie": f"ratchet_acting={cookies['ratchet_acting']}"}
    if origin is not None:
        headers["Origin"] = origin
    return await gate.clients["api"].request(method, path, json=body, headers=headers)


async def test_link_works_once_and_cookies_are_hidden_from_scripts(gate: World) -> None:
    token = await link(gate)
    answer = await sign_in(gate, token)
    assert answer.json()["subject"] == "reviewer"
    acting, reading = sorted(answer.headers.get_list("set-cookie"))
    assert acting.startswith("ratchet_acting=rk_")
    assert "Path=/v1;" in acting
    assert reading.startswith("ratchet_reading=rk_")
    assert "Path=/;" in reading
    for cookie in (acting, reading):
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Secure" not in cookie
    again = await sign_in(gate, token)
    assert (again.status_code, again.json()["code"]) == (410, "link-used")


async def test_cookies_are_secure_behind_tls(gate: World) -> None:
    answer = await sign_in(gate, await link(gate), **{"X-Forwarded-Proto": "https"})
    assert all("Secure" in cookie for cookie in answer.headers.get_list("set-cookie"))


async def test_acting_cookie_decides_and_reading_key_only_reads(gate: World) -> None:
    cookies = await session(gate)
    proposal = await gate.propose(document("Hello."))
    body = {"verdict": "approved", "digest": proposal["digest"], "reason": "good"}
    path = f"/v1/proposals/{proposal['id']}/decisions"
    reading = cookies["ratchet_reading"]
    assert (await gate.ask(reading, "POST", path, body)).status_code == 403
    assert (await gate.ask(reading, "GET", "/v1/proposals")).status_code == 200
    decided = await by_cookie(gate, cookies, "POST", path, body)
    assert decided.json()["proposal"]["decision"]["by"] == "reviewer"


@pytest.mark.parametrize("origin", [None, "http://evil.example", "null", "http://gatekeeper.evil.example"])
async def test_cross_site_requests_change_nothing(gate: World, origin: str | None) -> None:
    cookies = await session(gate)
    answer = await by_cookie(gate, cookies, "POST", "/v1/halt", {"reason": "x"}, origin)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross-origin")
    assert (await by_cookie(gate, cookies, "GET", "/v1/loop", origin=origin)).json()["halted"] is False


async def test_signing_in_from_another_site_is_refused(gate: World) -> None:
    answer = await sign_in(gate, await link(gate), Origin="http://evil.example")
    assert answer.json()["code"] == "cross-origin"


async def test_signing_out_ends_both_keys(gate: World) -> None:
    cookies = await session(gate)
    ended = await by_cookie(gate, cookies, "POST", "/v1/sessions/end")
    assert ended.json() == {"ended": True}
    found = await gate.sql("SELECT revoked, expires_at FROM gatekeeper.api_keys WHERE expires_at IS NOT NULL")
    assert [row.revoked for row in found] == [True, True]
    halted = await by_cookie(gate, cookies, "POST", "/v1/halt", {"reason": "x"})
    assert halted.json()["code"] in ("unknown-key", "unauthenticated")


async def test_session_expires(gate: World) -> None:
    cookies = await session(gate)
    psql(gate.dsn, "UPDATE gatekeeper.api_keys SET expires_at = now() WHERE expires_at IS NOT NULL")
    for key in ("ratchet_acting", "ratchet_reading"):
        assert (await gate.ask(cookies[key], "GET", "/v1/proposals")).status_code == 401
    proposal = await gate.propose(document("Hello."))
    refused = await gate.decide(proposal, by=cookies["ratchet_acting"])
    assert refused.status_code == 401


async def test_who_am_i(gate: World) -> None:
    cookies = await session(gate)
    session_info = (await gate.ask(cookies["ratchet_reading"], "GET", "/v1/session")).json()
    assert (session_info["subject"], session_info["role"], session_info["kind"]) == ("reviewer", "admin", "person")
    assert {"review", "admin"} <= set(session_info["scopes"])
    assert datetime.fromisoformat(session_info["expires_at"]) > datetime.now(UTC)
    maker = (await gate.ask("maker_key", "GET", "/v1/session")).json()
    assert (maker["role"], maker["expires_at"]) == ("viewer", None)


async def test_a_service_creates_no_sign_in_link(gate: World) -> None:
    body = {"subject": "app", "role": "viewer"}
    assert (await gate.ask("ingest_key", "POST", "/v1/sign-in-links", body)).status_code == 403


async def test_own_link_has_at_most_the_scopes_of_the_key(gate: World) -> None:
    cookies = await session(gate, subject="maker", role="admin", by="maker_key")
    session_info = (await gate.ask(cookies["ratchet_reading"], "GET", "/v1/session")).json()
    assert session_info["scopes"] == ["read", "tune"]


async def test_only_an_admin_invites_others(gate: World) -> None:
    answer = await gate.ask("second_key", "POST", "/v1/sign-in-links", {"subject": "eve", "role": "admin"})
    assert (answer.status_code, answer.json()["code"]) == (403, "not-allowed")
    cookies = await session(gate, subject="ann", role="reviewer")
    assert (await gate.ask(cookies["ratchet_reading"], "GET", "/v1/session")).json()["role"] == "reviewer"
    people = (await gate.ask("maker_key", "GET", "/v1/people")).json()["items"]
    [ann] = [person for person in people if person["subject"] == "ann"]
    assert (ann["role"], ann["sessions"]) == ("reviewer", 1)


@pytest.mark.parametrize(("token", "code"), [("rl_unknown", "unknown-link"), ("", "invalid"), (7, "invalid")])
async def test_an_unknown_link_opens_no_session(gate: World, token: Any, code: str) -> None:
    assert (await sign_in(gate, token)).json()["code"] == code


async def test_an_expired_link_opens_no_session(gate: World) -> None:
    path = await first_link(async_dsn(gate.dsn), gate.signer.private, "owner")
    psql(
        gate.dsn,
        "ALTER TABLE gatekeeper.sign_in_links DISABLE TRIGGER USER;"
        "UPDATE gatekeeper.sign_in_links SET expires_at = now();"
        "ALTER TABLE gatekeeper.sign_in_links ENABLE TRIGGER USER",
    )
    refused = await sign_in(gate, path.partition("#")[2])
    assert (refused.status_code, refused.json()["code"]) == (410, "link-expired")


async def test_the_owners_link_makes_an_admin(gate: World) -> None:
    path = await first_link(async_dsn(gate.dsn), gate.signer.private, "owner")
    answer = await sign_in(gate, path.partition("#")[2])
    assert (answer.json()["subject"], answer.json()["role"]) == ("owner", "admin")
    assert (await gate.ask("maker_key", "GET", "/v1/audit/verify")).json()["ok"]


async def test_keys_of_services_are_issued_and_revoked(gate: World) -> None:
    made = await gate.ask("admin_key", "POST", "/v1/keys", {"subject": "bot", "scopes": ["read", "ingest"]})
    assert made.status_code == 201, made.text
    key = made.json()
    assert (key["subject"], key["scopes"]) == ("bot", ["ingest", "read"])
    assert (await gate.ask(key["key"], "GET", "/v1/proposals")).status_code == 200
    listed = (await gate.ask("maker_key", "GET", "/v1/keys")).json()["items"]
    assert key["id"] in [item["id"] for item in listed]
    assert "key" not in listed[0]
    assert (await gate.ask("maker_key", "POST", f"/v1/keys/{key['id']}/revoke")).status_code == 403
    assert (await gate.ask("admin_key", "POST", f"/v1/keys/{key['id']}/revoke")).json()["revoked"]
    assert (await gate.ask("admin_key", "POST", "/v1/keys/none/revoke")).status_code == 404
    kinds = [entry["kind"] for entry in (await gate.ask("maker_key", "GET", "/v1/audit?limit=1000")).json()["items"]]
    assert kinds[-2:] == ["key.issued", "key.revoked"]
    assert (await gate.ask("maker_key", "GET", "/v1/audit/verify")).json()["ok"]


async def test_key_of_a_browser_is_issued_with_its_origins(gate: World) -> None:
    wanted = ["https://SHOP.example:443/", "http://localhost:5173", "https://shop.example"]
    body = {"subject": "web", "scopes": ["browser-ingest"], "origins": wanted}
    made = (await gate.ask("admin_key", "POST", "/v1/keys", body)).json()
    listed = ["https://shop.example", "http://localhost:5173"]
    assert made["origins"] == listed
    keys = {item["id"]: item for item in (await gate.ask("maker_key", "GET", "/v1/keys")).json()["items"]}
    assert keys[made["id"]]["origins"] == listed
    assert {key: item["origins"] for key, item in keys.items() if key != made["id"]} == {
        key: [] for key in keys if key != made["id"]
    }
    rows = await gate.sql("SELECT payload FROM gatekeeper.outbox_messages WHERE topic = 'key.changed' ORDER BY id, n")
    event = json.loads(rows[-1].payload)
    assert event["origins"] == listed
    assert verify(gate.signer.public, key_bytes(event), event["signature"]["value"])
    assert not verify(gate.signer.public, key_bytes({**event, "origins": wanted}), event["signature"]["value"])
    entries = (await gate.ask("maker_key", "GET", "/v1/audit?limit=1000")).json()["items"]
    assert entries[-1]["origins"] == " ".join(listed)
    assert (await gate.ask("maker_key", "GET", "/v1/audit/verify")).json()["ok"]


@pytest.mark.parametrize(
    ("scopes", "origins"),
    [
        (["ingest"], ["https://shop.example"]),
        (["browser-ingest"], ["*"]),
        (["browser-ingest"], ["https://*.shop.example"]),
        (["browser-ingest"], ["null"]),
        (["browser-ingest"], [f"https://a{n}.example" for n in range(21)]),
        (["browser-ingest"], "https://shop.example"),
        (["browser-ingest"], [1]),
    ],
)
async def test_key_with_invalid_origins_is_refused(gate: World, scopes: list[str], origins: Any) -> None:
    body = {"subject": "web", "scopes": scopes, "origins": origins}
    answer = await gate.ask("admin_key", "POST", "/v1/keys", body)
    assert (answer.status_code, answer.json()["errors"][0]["field"].split(".")[0]) == (422, "origins"), answer.text


@pytest.mark.parametrize("scopes", [["review"], ["admin"], [], "ingest", ["ingest", {}]])
async def test_a_service_can_get_no_scope_of_a_person(gate: World, scopes: Any) -> None:
    answer = await gate.ask("admin_key", "POST", "/v1/keys", {"subject": "bot", "scopes": scopes})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "scopes")


async def test_a_link_ends_with_the_key_that_created_it(gate: World) -> None:
    thief = await session(gate)
    one, other = [await link(gate, subject=name, by=thief["ratchet_acting"]) for name in ("reviewer", "eve")]
    stolen = thief["ratchet_acting"].split("_")[1]
    assert (await gate.ask("admin_key", "POST", f"/v1/keys/{stolen}/revoke")).status_code == 200
    for token in (one, other):
        refused = await sign_in(gate, token)
        assert (refused.status_code, refused.json()["code"]) == (410, "link-void")


@pytest.mark.parametrize("half", ["ratchet_acting", "ratchet_reading"])
async def test_session_opened_by_a_session_does_not_outlast_it(gate: World, half: str) -> None:
    first = await session(gate)
    psql(gate.dsn, "UPDATE gatekeeper.api_keys SET expires_at = now() + '1 h' WHERE expires_at IS NOT NULL")
    next_one = await session(gate, by=first[half])
    ends = [(await gate.ask(key, "GET", "/v1/session")).json()["expires_at"] for key in (first[half], next_one[half])]
    assert ends[0] == ends[1]


async def test_session_ends_with_the_key_that_opened_it(gate: World) -> None:
    first = await session(gate, subject="maker", role="viewer", by="maker_key")
    second = await session(gate, subject="maker", role="viewer", by=first["ratchet_reading"])
    ann = await session(gate, subject="ann", role="viewer")
    maker = gate.keys["maker_key"].split("_")[1]
    assert (await gate.ask("admin_key", "POST", f"/v1/keys/{maker}/revoke")).status_code == 200
    for key in (*first.values(), *second.values()):
        assert (await gate.ask(key, "POST", "/v1/halt", {"reason": "x"})).status_code == 401
    assert (await gate.ask(ann["ratchet_reading"], "GET", "/v1/audit/verify")).json()["ok"]
    found = await gate.sql("SELECT entry::jsonb ->> 'key_id' AS id FROM gatekeeper.audit WHERE kind = 'key.revoked'")
    assert len({row.id for row in found}) == len(found) == 5


async def test_concurrent_sign_ins_open_one_session(gate: World) -> None:
    token = await link(gate)
    answers = await asyncio.gather(*(sign_in(gate, token) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 410, 410, 410, 410]
    [sessions] = await gate.sql("SELECT count(*) AS n FROM gatekeeper.sessions")
    assert sessions.n == 1
    assert (await gate.ask("maker_key", "GET", "/v1/audit/verify")).json()["ok"]
