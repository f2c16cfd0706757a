"""API keys: parsing, and the permissions of a principal."""

import asyncio
import time

import pytest
from sqlalchemy.ext.asyncio import create_async_engine
from starlette.requests import Request

from shared.auth.keys import KeyStore
from shared.auth.principal import Principal, hash_secret, parse_key, unauthenticated
from shared.problems import Problem
from shared.web.authentication import authorization

PERSON = Principal("k", "ann", "person", "acme", "production", frozenset({"read", "review"}))
SERVICE = Principal("k", "bot", "service", "acme", "production", frozenset({"ingest"}))


def test_key_consists_of_id_and_secret() -> None:
    assert parse_key("Bearer rk_ab12_se_cr-et") == ("ab12", "se_cr-et")
    assert parse_key("bearer  rk_ab12_x") == ("ab12", "x")


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer rk_ab", "Bearer rk__x", "Basic rk_a_b", "Bearer xx_a_b", "Bearer rk_a_ü"]
)
def test_malformed_key_is_rejected(header: str | None) -> None:
    with pytest.raises(Problem) as refused:
        parse_key(header)
    assert refused.value.status == 401
    assert refused.value.headers["WWW-Authenticate"] == "Bearer"


def test_one_of_the_scopes_suffices() -> None:
    assert PERSON.require("operate", "review") is PERSON
    with pytest.raises(Problem, match="not allowed") as refused:
        PERSON.require("operate")
    assert (refused.value.status, refused.value.code) == (403, "scope-missing")


def test_some_actions_require_a_person() -> None:
    assert PERSON.require("review", person=True) is PERSON
    with pytest.raises(Problem) as refused:
        SERVICE.require("ingest", person=True)
    assert refused.value.code == "person-required"


def test_secrets_are_stored_as_hashes() -> None:
    assert hash_secret("x") == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"


def _request(method: str, **headers: str) -> Request:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "path": "/", "headers": raw})


def test_header_takes_precedence_over_a_session() -> None:
    both = _request("POST", authorization="Bearer rk_a_b", cookie="ratchet_acting=rk_c_d")
    assert authorization(both) == "Bearer rk_a_b"
    assert authorization(_request("GET")) is None


def test_session_authenticates_requests_of_our_pages() -> None:
    cookie = "ratchet_acting=rk_c_d"
    assert authorization(_request("GET", cookie=cookie)) == "Bearer rk_c_d"
    own = _request("POST", cookie=cookie, origin="https://ratchet.example", host="ratchet.example")
    assert authorization(own) == "Bearer rk_c_d"


@pytest.mark.parametrize(
    "origin", ["", "null", "https://evil.example", "https://ratchet.example:444", "ratchet.example"]
)
def test_cross_site_request_is_rejected(origin: str) -> None:
    sent = _request("POST", cookie="ratchet_acting=rk_c_d", origin=origin, host="ratchet.example")
    with pytest.raises(Problem) as refused:
        authorization(sent)
    assert (refused.value.status, refused.value.code) == (403, "cross-origin")


class CountingKeyStore(KeyStore):
    """A key store whose lookups wait for `gate` and are counted."""

    def __init__(self) -> None:
        super().__init__(create_async_engine("postgresql+asyncpg://nowhere"), "collector")
        self.gate = asyncio.Event()
        self.lookups = 0

    async def _load(self, key_id: str) -> tuple[Principal, str]:
        self.lookups += 1
        await self.gate.wait()
        if key_id == "unknown":
            raise unauthenticated()
        return SERVICE, hash_secret("s")


async def test_requests_that_come_at_once_share_one_lookup() -> None:
    keys = CountingKeyStore()
    asked = [asyncio.create_task(keys.authenticate("Bearer rk_k_s")) for _ in range(5)]
    await asyncio.sleep(0)
    asked[0].cancel()
    await asyncio.sleep(0)
    keys.gate.set()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [SERVICE] * 4
    assert keys.lookups == 1
    assert keys.cached("Bearer rk_k_s") is SERVICE


async def test_a_key_that_is_looked_up_again_is_known_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = CountingKeyStore()
    keys.gate.set()
    assert keys.last_known("Bearer rk_k_s") is None
    await keys.authenticate("Bearer rk_k_s")
    later = time.monotonic() + 3
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert (keys.cached("Bearer rk_k_s"), keys.last_known("Bearer rk_k_s")) == (None, SERVICE)
    keys.forget("k")
    assert keys.last_known("Bearer rk_other_s") is None


async def test_each_request_of_a_shared_lookup_is_refused() -> None:
    keys = CountingKeyStore()
    keys.gate.set()
    found = await asyncio.gather(*(keys.authenticate("Bearer rk_unknown_s") for _ in range(3)), return_exceptions=True)
    assert [problem.status for problem in found if isinstance(problem, Problem)] == [401] * 3
    assert keys.lookups == 1
    assert keys.cached("Bearer rk_unknown_s") is None


async def test_a_key_that_changed_is_looked_up_again_although_a_lookup_is_in_progress() -> None:
    keys = CountingKeyStore()
    before = asyncio.create_task(keys.authenticate("Bearer rk_k_s"))
    await asyncio.sleep(0)
    keys.forget("k")
    after = asyncio.create_task(keys.authenticate("Bearer rk_k_s"))
    await asyncio.sleep(0)
    keys.gate.set()
    assert (await before, await after) == (SERVICE, SERVICE)
    assert keys.lookups == 2
