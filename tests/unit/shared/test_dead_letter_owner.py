"""The project that a dead letter belongs to."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet.signing import secret_hash
from ratchet.submission import KafkaMessage, execution_message, feedback_message
from shared.messaging.dead_letter_owner import Owner, parse_owner_claim

NOBODY = Owner(None, None)


@pytest.mark.parametrize(
    ("key", "payload", "owner"),
    [
        (None, {"project": "acme", "environment": "production"}, Owner("acme", "production")),
        (b"acme/bot", {"project": "other"}, Owner("other", None)),
        (b"acme/bot", "not an object", Owner("acme", None)),
        (b"acme", "not an object", NOBODY),
        (None, {"project": "a\0b", "environment": 5}, NOBODY),
        (b"", {"project": ""}, NOBODY),
    ],
)
def test_messages_of_services_name_the_project(key: bytes | None, payload: object, owner: Owner) -> None:
    assert parse_owner_claim("feedback.created", key, json.dumps(payload).encode()).owner == owner


@pytest.mark.parametrize("message", [execution_message, feedback_message])
def test_messages_of_apps_are_assigned_by_their_key(message: Callable[..., KafkaMessage]) -> None:
    former = json.dumps({"project": "victim", "api_key": "rk_k1_secret"}).encode()
    topic, _, signed, _ = message("rk_k1_secret", {"kind": "odd"})
    for payload in (former, signed):
        claim = parse_owner_claim(topic, b"victim/bot", payload)
        assert (claim.owner, claim.key_id) == (NOBODY, "k1")
        assert claim.is_proof(secret_hash("secret"))
        assert not claim.is_proof(secret_hash("other"))
    assert not parse_owner_claim(topic, b"", signed.replace(b"odd", b"old")).is_proof(secret_hash("secret"))
    assert not parse_owner_claim("unknown.topic", b"", signed).is_proof(secret_hash("secret"))
    assert parse_owner_claim(topic, b"victim/bot", b'{"project": "victim"}').key_id is None


@given(st.binary() | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(json.dumps).map(str.encode),
       st.none() | st.binary())  # fmt: skip
def test_owner_of_any_bytes(payload: bytes, key: bytes | None) -> None:
    for topic in ("feedback.created", "feedback.submitted"):
        claim = parse_owner_claim(topic, key, payload)
        assert "\0" not in f"{claim.owner}{claim.key_id}"
        assert not claim.is_proof(secret_hash("secret"))
