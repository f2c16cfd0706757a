"""What operators read about an error: our own text, bounded, and never a text that may quote a message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Malformed, Permanent, Retryable
from shared.messaging.cloudevents import decode
from shared.messaging.dead_letters import DeadLetter, detail_of
from shared.testing.bus import FakeRecord
from tests.support.messaging import envelope, record


def test_text_of_a_permanent_error_is_stored() -> None:
    letter = DeadLetter.from_record("a", record(envelope()), Permanent("invalid: outcome"))
    assert (letter.reason, letter.detail) == ("permanent", "invalid: outcome")


@pytest.mark.parametrize("error", [ValueError("Jane"), Retryable("Jane"), KeyError("Jane"), Permanent()])
def test_other_errors_are_reduced_to_their_type(error: Exception) -> None:
    assert detail_of(error) == type(error).__name__


@given(st.text(st.characters(), max_size=1000))
def test_detail_is_bounded_and_printable(text: str) -> None:
    detail = detail_of(Permanent(text))
    assert 0 < len(detail) <= 301
    assert detail.isprintable()


def test_api_key_in_a_detail_is_hidden() -> None:
    secret = "abcdefghijklmnopqrstuvwxyz0123456789-_ABCDE"
    assert detail_of(Permanent(f"invalid: rk_ab12_{secret}")) == "invalid: rk_ab12_[secret]"


def test_malformed_message_is_described_by_declared_names_alone() -> None:
    sent = record(envelope())
    assert sent.value is not None
    body = sent.value.replace(b'"project"', b'"scores":{"Jane":{}},"projects"')
    headers = tuple((n, b"ratchet.execution.recorded.v1" if n == "ce_type" else v) for n, v in sent.headers)
    with pytest.raises(Malformed, match=r"project, facts, scores\.\(undeclared\)$") as caught:
        decode(FakeRecord(sent.topic, 0, 0, None, body, headers))
    assert "Jane" not in str(caught.value)
