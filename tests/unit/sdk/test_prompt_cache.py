"""The cache of verified prompts: a payload received again is not verified again; any other is."""

import json

import pytest

from ratchet.client.prompt_cache import PromptCache
from ratchet.client.prompt_verification import Trust, trusted_keys
from ratchet.prompt import from_text
from tests.support.ratchet_server import PUBLIC, live_payload

NAMES = frozenset({"answer"})


@pytest.fixture
def cache() -> PromptCache:
    return PromptCache(Trust(trusted_keys([PUBLIC]), "acme", "production"))


def test_repeated_payload_is_not_verified_again(cache: PromptCache) -> None:
    payload = live_payload("answer", from_text("One"))
    assert cache.accept_prompt(payload, NAMES)
    first = cache.get("answer")
    assert cache.accept_prompt(json.loads(json.dumps(payload)), NAMES)
    assert cache.get("answer") is first


@pytest.mark.parametrize("field", ["digest", "sequence", "document", "signature"])
def test_different_payload_is_verified_and_rejected(cache: PromptCache, field: str) -> None:
    payload = live_payload("answer", from_text("One"), sequence=3)
    assert cache.accept_prompt(payload, NAMES)
    first = cache.get("answer")
    newer = live_payload("answer", from_text("Two"), sequence=4)
    assert not cache.accept_prompt({**payload, field: newer[field]}, NAMES)
    assert cache.get("answer") is first
    assert cache.accept_prompt(newer, NAMES)
    assert cache.accept_prompt(payload, NAMES) is False, "its sequence is lower now"


def test_a_field_that_is_not_signed_makes_another_payload(cache: PromptCache) -> None:
    payload = live_payload("answer", from_text("One"))
    assert cache.accept_prompt(payload, NAMES)
    first = cache.get("answer")
    assert cache.accept_prompt({**payload, "extra": 1}, NAMES)
    assert cache.get("answer") == first
    assert cache.get("answer") is not first
