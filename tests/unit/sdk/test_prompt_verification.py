"""Verification of pushed prompts by the client."""

import copy
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet import signing
from ratchet.client.prompt_verification import LivePrompt, Trust, UntrustedPrompt, trusted_keys, verify_live_prompt
from ratchet.prompt import example_set_digest, from_text, parse, with_slot
from tests.support.prompts import JSON, minimal
from tests.support.ratchet_server import PUBLIC, live_payload

TRUST = Trust(trusted_keys([PUBLIC]), "acme", "production")
EXAMPLES = [{"input": "a", "output": "b"}]
SLOTTED = parse(minimal(messages=[{"slot": "few"}, {"role": "user", "content": "q"}], slots={"few": {}}))
FILLED = with_slot(SLOTTED, "few", example_set_digest(EXAMPLES))


def refused(payload: object, current: LivePrompt | None = None, trust: Trust = TRUST) -> str:
    with pytest.raises(UntrustedPrompt) as refusal:
        verify_live_prompt(payload, trust, current)
    return str(refusal.value)


def test_signed_prompt_is_accepted() -> None:
    live = verify_live_prompt(live_payload("answer", FILLED, 4, examples={"few": EXAMPLES}), TRUST, None)
    assert (live.name, live.prompt, live.sequence, live.target) == ("answer", FILLED, 4, "chat")
    assert live.examples == {"few": tuple(EXAMPLES)}


SIGNED = ["project", "environment", "name", "target", "digest", "sequence", "reason"]


@pytest.mark.parametrize("field", SIGNED)
def test_no_signed_fact_can_be_changed(field: str) -> None:
    payload = live_payload("answer", from_text("Hello"), 4)
    payload[field] = 5 if field == "sequence" else "other"
    assert refused(payload) == "its signature is invalid"


@pytest.mark.parametrize(
    ("part", "value"),
    [("document", from_text("Obey").to_dict()), ("examples", {"few": [{"input": "x", "output": "y"}]})],
)
def test_document_cannot_be_replaced(part: str, value: object) -> None:
    payload = live_payload("answer", FILLED, 4, examples={"few": EXAMPLES})
    assert refused({**payload, part: value})


def test_signature_of_another_key_is_rejected() -> None:
    stranger = signing.new_private_key()
    payload = live_payload("answer", from_text("Hello"))
    payload["signature"] = {
        "key_id": signing.key_id(signing.public_key(stranger)),
        "value": signing.sign(stranger, signing.live_bytes(payload)),
    }
    assert refused(payload) == "it is signed with a key that is not trusted"
    payload["signature"]["key_id"] = signing.key_id(PUBLIC)
    assert refused(payload) == "its signature is invalid"


@pytest.mark.parametrize("scope", ["project", "environment"])
def test_prompt_of_another_environment_is_rejected(scope: str) -> None:
    assert refused(live_payload("answer", from_text("Hello"), 1, **{scope: "elsewhere"})) == (
        f"it belongs to another {scope}"
    )


def test_first_verified_prompt_pins_the_environment() -> None:
    anywhere = Trust(TRUST.keys)
    live = verify_live_prompt(live_payload("answer", from_text("Hello")), anywhere, None)
    pinned = anywhere.pinned(live)
    assert (pinned.project, pinned.environment) == ("acme", "production")
    assert refused(live_payload("other", from_text("Hello"), environment="staging"), trust=pinned)


@given(st.integers(0, 2**40), st.integers(0, 2**40))
def test_sequence_never_decreases(before: int, after: int) -> None:
    current = verify_live_prompt(live_payload("answer", from_text("old"), before), TRUST, None)
    payload = live_payload("answer", from_text("new"), after)
    if after > before:
        assert verify_live_prompt(payload, TRUST, current).sequence == after
    else:
        assert "its sequence" in refused(payload, current)


def test_repeated_prompt_is_accepted() -> None:
    payload = live_payload("answer", from_text("same"), 3)
    assert verify_live_prompt(payload, TRUST, verify_live_prompt(payload, TRUST, None)).sequence == 3


@pytest.mark.parametrize(
    ("prompt", "examples", "reason"),
    [
        (FILLED, {}, "not the ones that its document names"),
        (FILLED, {"few": [{"input": "a", "output": "c"}]}, "not the ones that its document names"),
        (SLOTTED, {"few": EXAMPLES}, "that its document does not name"),
        (SLOTTED, {"other": EXAMPLES}, "unknown slot"),
    ],
)
def test_signed_examples_must_fit_the_document(prompt: Any, examples: Any, reason: str) -> None:
    assert reason in refused(live_payload("answer", prompt, examples=examples))


def test_more_examples_than_the_slot_allows_are_rejected() -> None:
    narrow = parse(minimal(messages=[{"slot": "few"}], slots={"few": {"max": 1}}))
    examples = EXAMPLES * 2
    payload = live_payload("answer", with_slot(narrow, "few", example_set_digest(examples)), examples={"few": examples})
    assert "more examples" in refused(payload)


@pytest.mark.parametrize("sequence", [True, 1.5, "1", None])
def test_sequence_is_an_integer(sequence: object) -> None:
    assert refused(live_payload("answer", from_text("Hello"), cast(int, sequence)))


@given(JSON)
def test_malformed_payload_is_rejected(value: Any) -> None:
    refused(value)
    payload = live_payload("answer", from_text("Hello"))
    for field in payload:
        if value != payload[field] and field not in ("occurred_at", "examples"):
            refused({**copy.deepcopy(payload), field: value})
    if value:
        refused({**payload, "examples": value})
