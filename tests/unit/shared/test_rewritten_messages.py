"""Messages of an outbox row that are changed or removed: the others keep their ids, headers, order and sent state."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.message import OutgoingMessage
from shared.messaging.packed_messages import Unreadable, pack, rewrite_packed_row, unpack

PAYLOADS = st.lists(st.sampled_from([b"keep", b"change", b"remove", b""]), min_size=1, max_size=20)


@given(PAYLOADS, st.integers(0, 20))
def test_rest_of_a_row_stays_as_it_is(payloads: list[bytes], sent: int) -> None:
    sent = min(sent, len(payloads))
    messages = [
        (UUID(int=number), OutgoingMessage("t", "k", payload, (("n", str(number)),)))
        for number, payload in enumerate(payloads)
    ]
    (row,) = pack(messages, 1)
    new = rewrite_packed_row(
        row.event_ids, row.messages, sent, lambda payload: {b"change": b"x", b"remove": None}.get(payload, payload)
    )
    kept = [number for number, payload in enumerate(payloads) if payload != b"remove"]
    assert new.event_ids == b"".join(UUID(int=number).bytes for number in kept)
    assert [(message.headers, message.value) for message in unpack("t", "k", len(new.event_ids), new.messages)] == [
        ((("n", str(number)),), b"x" if payloads[number] == b"change" else payloads[number]) for number in kept
    ]
    assert new.sent_count == sum(number < sent for number in kept)
    assert (new.changed, new.removed) == (payloads.count(b"change"), payloads.count(b"remove"))


def test_row_of_another_format_is_refused() -> None:
    with pytest.raises(Unreadable):
        rewrite_packed_row(bytes(16), b"", 0, lambda payload: payload)
