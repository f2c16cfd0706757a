"""No API key stays in what could not be taken."""

import json

from hypothesis import given
from hypothesis import strategies as st

from shared.messaging.redaction import without_secrets

SECRET = "Ab-_9" * 8
KEY = f"rk_k1_{SECRET}"


@given(st.sets(st.integers(0, len(KEY) - 1)), st.sampled_from(["api_key", "text"]))
def test_escapes_hide_no_key(escaped: set[int], member: str) -> None:
    written = "".join(f"\\u{ord(c):04x}" if index in escaped else c for index, c in enumerate(KEY))
    payload = f'{{"a": 1.0, "{member}": "{written}", "z": "\\u00e9"}}'.encode()
    kept = without_secrets(payload)
    assert json.loads(kept) == {"a": 1.0, member: "rk_k1_[secret]", "z": "é"}


def test_what_is_no_key_in_the_field_for_keys_goes_too() -> None:
    assert without_secrets(b'{"api_key" : "hunter\\"2"}') == b'{"api_key" : "[secret]"}'
    assert without_secrets(b"\xff rk_k1_" + SECRET.encode()) == b"\xff rk_k1_[secret]"


@given(st.binary() | st.text().map(json.dumps).map(str.encode))
def test_everything_else_stays_byte_by_byte(payload: bytes) -> None:
    assert without_secrets(payload) == payload or b"rk_" in payload or b"api_key" in payload
