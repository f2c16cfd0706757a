"""API keys are removed from messages that could not be processed."""

import json

from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.redaction import without_secrets

SECRET = "Ab-_9" * 8
KEY = f"rk_k1_{SECRET}"


@given(st.sets(st.integers(0, len(KEY) - 1)), st.sampled_from(["api_key", "text"]))
def test_escaped_key_is_removed(escaped: set[int], member: str) -> None:
    written = "".join(f"\\u{ord(c):04x}" if index in escaped else c for index, c in enumerate(KEY))
    payload = f'{{"a": 1.0, "{member}": "{written}", "z": "\\u00e9"}}'.encode()
    kept = without_secrets(payload)
    assert json.loads(kept) == {"a": 1.0, member: "rk_k1_[secret]", "z": "é"}


def test_any_value_in_a_key_field_is_removed() -> None:
    assert without_secrets(b'{"api_key" : "hunter\\"2"}') == b'{"api_key" : "[secret]"}'
    assert without_secrets(b"\xff rk_k1_" + SECRET.encode()) == b"\xff rk_k1_[secret]"


@given(st.binary() | st.text().map(json.dumps).map(str.encode))
def test_other_bytes_are_unchanged(payload: bytes) -> None:
    assert without_secrets(payload) == payload or b"rk_" in payload or b"api_key" in payload
