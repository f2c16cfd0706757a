"""Keys: what a header says, what a principal may."""

import pytest

from shared.web.keys import Principal, hash_secret, parse_key
from shared.web.problems import Problem

PERSON = Principal("k", "ann", "person", "acme", "production", frozenset({"read", "review"}))
SERVICE = Principal("k", "bot", "service", "acme", "production", frozenset({"ingest"}))


def test_a_key_is_its_id_and_its_secret() -> None:
    assert parse_key("Bearer rk_ab12_se_cr-et") == ("ab12", "se_cr-et")
    assert parse_key("bearer  rk_ab12_x") == ("ab12", "x")


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer rk_ab", "Bearer rk__x", "Basic rk_a_b", "Bearer xx_a_b", "Bearer rk_a_ü"]
)
def test_anything_else_is_no_key(header: str | None) -> None:
    with pytest.raises(Problem) as refused:
        parse_key(header)
    assert refused.value.status == 401
    assert refused.value.headers["WWW-Authenticate"] == "Bearer"


def test_one_of_the_scopes_is_enough() -> None:
    assert PERSON.require("operate", "review") is PERSON
    with pytest.raises(Problem, match="not allowed") as refused:
        PERSON.require("operate")
    assert (refused.value.status, refused.value.code) == (403, "scope-missing")


def test_some_things_only_a_person_may() -> None:
    assert PERSON.require("review", person=True) is PERSON
    with pytest.raises(Problem) as refused:
        SERVICE.require("ingest", person=True)
    assert refused.value.code == "person-required"


def test_secrets_are_kept_as_hashes() -> None:
    assert hash_secret("x") == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
