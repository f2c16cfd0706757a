"""Packed rows of the outbox: packing and unpacking is lossless, and damaged rows are rejected."""

import contextlib
from datetime import UTC, datetime
from itertools import groupby
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Permanent
from shared.events.message import EncodedMessage, OutgoingMessage, cloudevent_headers, encoded_cloudevent_headers
from shared.messaging.packed_messages import ROW_BYTES, Unreadable, pack, shard_of, unpack
from shared.messaging.sql_outbox import insert_parameters

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
MESSAGES = st.lists(
    st.builds(
        OutgoingMessage,
        st.sampled_from(["a", "b"]),
        st.sampled_from(["k", "l", ""]),
        st.binary(max_size=50) | st.sampled_from([b"x" * 100_000, b"y" * ROW_BYTES]),
        st.lists(st.tuples(TEXT, TEXT), max_size=4).map(tuple),
    ),
    max_size=12,
)


@given(MESSAGES)
def test_every_message_is_unpacked_once_in_the_order_of_its_key(messages: list[OutgoingMessage]) -> None:
    ids = [uuid4() for _ in messages]
    rows = pack(list(zip(ids, messages, strict=True)), 4)
    found = []
    for row in rows:
        read = unpack(row.topic, row.key, len(row.event_ids), row.messages)
        assert row.shard == shard_of(row.key, 4)
        assert len(row.messages) <= ROW_BYTES or len(read) == 1
        row_ids = [UUID(bytes=row.event_ids[at : at + 16]) for at in range(0, len(row.event_ids), 16)]
        found += list(zip(row_ids, read, strict=True))
    assert sorted(found) == sorted(zip(ids, messages, strict=True))
    for (topic, key), of_key in groupby(sorted(messages, key=_key), _key):
        assert [message for _, message in found if _key(message) == (topic, key)] == list(of_key)


def _key(message: OutgoingMessage) -> tuple[str, str]:
    return message.topic, message.key


@given(MESSAGES, st.data())
def test_sent_messages_are_omitted(messages: list[OutgoingMessage], data: st.DataObject) -> None:
    for row in pack([(uuid4(), message) for message in messages], 4):
        every = unpack(row.topic, row.key, len(row.event_ids), row.messages)
        first = data.draw(st.integers(0, len(every)))
        assert unpack(row.topic, row.key, len(row.event_ids), row.messages, first) == every[first:]


@given(MESSAGES.filter(len), st.data())
def test_a_damaged_row_is_never_read_in_part(messages: list[OutgoingMessage], data: st.DataObject) -> None:
    row = pack([(uuid4(), message) for message in messages], 4)[0]
    cut = data.draw(st.integers(0, len(row.messages) - 1))
    with pytest.raises(Unreadable):
        unpack(row.topic, row.key, len(row.event_ids), row.messages[:cut])
    with pytest.raises(Unreadable):
        unpack(row.topic, row.key, len(row.event_ids) + 16, row.messages)


@given(st.binary(max_size=200), st.integers(0, 3))
def test_any_bytes_are_unpacked_or_rejected(content: bytes, count: int) -> None:
    with contextlib.suppress(Unreadable):
        assert len(unpack("t", "k", count * 16, content)) == count


def test_a_header_with_a_nul_is_refused_before_it_is_stored() -> None:
    with pytest.raises(Permanent, match="NUL"):
        pack([(uuid4(), OutgoingMessage("t", "k", b"", (("a", "b\0c"),)))], 4)


def test_event_ids_are_given_as_uuids_or_as_text() -> None:
    event_id, message = uuid4(), OutgoingMessage("t", "k", b"v", ())
    assert pack([(event_id, message)], 4) == pack([(str(event_id), message)], 4)


def test_parameters_are_columns() -> None:
    assert insert_parameters([], 4) == ([], [], [], [], [])
    shards, topics, keys, ids, packed = insert_parameters([(uuid4(), OutgoingMessage("t", "k", b"v", ()))] * 2, 4)
    assert (shards, topics, keys) == ([shard_of("k", 4)], ["t"], ["k"])
    assert (len(ids[0]), len(packed[0])) == (32, 18)


LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(st.uuids().map(str), LINES, st.none() | LINES.filter(bool), st.datetimes(timezones=st.just(UTC)))
def test_headers_that_are_encoded_at_once_are_the_same(
    event_id: str, subject: str, traceparent: str | None, time: datetime
) -> None:
    encoded = encoded_cloudevent_headers(event_id, "type", "source", time.isoformat(), subject, traceparent)
    general = cloudevent_headers(event_id, "type", "source", time, subject, event_id, traceparent=traceparent)
    message = OutgoingMessage("t", "k", b"v", general)
    assert EncodedMessage("t", "k", b"v", encoded).decoded() == message
    assert pack([(event_id, EncodedMessage("t", "k", b"v", encoded))], 4) == pack([(event_id, message)], 4)


@pytest.mark.parametrize(("subject", "traceparent"), [("a\0b", None), ("a\0b\0", None), ("a", "b\0")])
def test_an_encoded_header_without_nul(subject: str, traceparent: str | None) -> None:
    with pytest.raises(Permanent, match="NUL"):
        encoded_cloudevent_headers("id", "type", "source", "now", subject, traceparent)
