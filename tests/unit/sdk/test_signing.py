"""Signatures verify only with the right key and exactly the signed facts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet import signing
from ratchet.prompt import PromptError

KEY, OTHER = signing.new_private_key(), signing.new_private_key()
LIVE: dict[str, Any] = {
    "project": "acme",
    "environment": "production",
    "name": "answer",
    "target": "chat",
    "digest": "sha256:" + "0" * 64,
    "sequence": 3,
    "examples": {"few": [{"input": "a", "output": "b"}]},
    "reason": "promoted",
    "authorisation": {"kind": "decision", "id": "d1", "by": "ada"},
}


@given(st.binary(), st.binary())
def test_signature_is_valid_for_its_key_and_message_only(message: bytes, another: bytes) -> None:
    signature = signing.sign(KEY, message)
    assert signing.verify(signing.public_key(KEY), message, signature)
    assert not signing.verify(signing.public_key(OTHER), message, signature)
    assert signing.verify(signing.public_key(KEY), another, signature) == (message == another)


@given(st.text(), st.text())
def test_malformed_keys_and_signatures_do_not_verify(key: str, signature: str) -> None:
    assert not signing.verify(key, b"m", signature)
    assert not signing.verify(signing.public_key(KEY), b"m", signature)


@pytest.mark.parametrize("field", sorted(LIVE))
def test_every_fact_of_a_live_prompt_is_signed(field: str) -> None:
    changed = {**LIVE, field: {"other": []} if isinstance(LIVE[field], dict) else "other"}
    assert signing.live_bytes(changed) != signing.live_bytes(LIVE)
    del changed[field]
    with pytest.raises(KeyError):
        signing.live_bytes(changed)


def test_the_document_is_bound_by_its_digest() -> None:
    assert signing.live_bytes({**LIVE, "document": {}, "occurred_at": "now"}) == signing.live_bytes(LIVE)


def test_the_scopes_of_a_key_are_a_set() -> None:
    key = {
        "project": "acme",
        "environment": "production",
        "key_id": "k",
        "revision": 1,
        "secret_hash": "0" * 64,
        "subject": "ada",
        "subject_kind": "person",
        "scopes": ["review", "read"],
        "revoked": False,
    }
    assert signing.key_bytes(key) == signing.key_bytes({**key, "scopes": ("read", "review")})
    assert signing.key_bytes(key) != signing.key_bytes({**key, "scopes": ["read"]})
    with pytest.raises(PromptError, match="scopes"):
        signing.key_bytes({**key, "scopes": "review"})


def test_the_origins_of_a_key_are_signed_where_there_are_any() -> None:
    key = {**dict.fromkeys(signing._KEY_FIELDS, "x"), "scopes": ["browser-ingest"]}
    pages = {**key, "origins": ["https://b.example", "https://a.example"]}
    assert signing.key_bytes({**key, "origins": []}) == signing.key_bytes(key)
    assert signing.key_bytes({**pages, "origins": pages["origins"][::-1]}) == signing.key_bytes(pages)
    assert len({signing.key_bytes({**key, "origins": o}) for o in ([], ["https://a.example"], pages["origins"])}) == 3
    with pytest.raises(PromptError, match="origins"):
        signing.key_bytes({**key, "origins": "https://a.example"})


@pytest.mark.parametrize("private", ["", "AAAA", "not base64url!", "ä"])
def test_invalid_private_key_is_rejected(private: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        signing.sign(private, b"m")
