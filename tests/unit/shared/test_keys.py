"""API keys: parsing, and the permissions of a principal."""

import pytest
from starlette.requests import Request

from shared.auth.principal import Principal, hash_secret, parse_key
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
