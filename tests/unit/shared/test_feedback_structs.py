"""A struct accepts nothing that its model refuses, and has the same values."""

import json
import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shared.errors import Malformed, UnknownMajor
from shared.events import CATALOG, event_type
from shared.events.base import Event
from shared.events.feedback import ExecutionRecorded, FeedbackCreated
from shared.events.feedback_structs import DECODERS, REFUSED
from shared.messaging.cloudevents import decode
from shared.testing.bus import FakeRecord
from tests.support.generated_events import events, nearly_right
from tests.support.messaging import encoded, envelope, record

EVENTS: tuple[type[Event], ...] = (ExecutionRecorded, FeedbackCreated)
FINER_THAN_MICROSECONDS = re.compile(rb":\d\d\.\d{7,}")
GOLDEN = Path(__file__).parents[2] / "contract" / "golden"


def to_model(event: type[Event], struct: msgspec.Struct) -> Event:
    """Return the model that has the struct's values, all of which must be of the right type."""
    values = msgspec.to_builtins(struct, builtin_types=(datetime, UUID))
    return event.model_validate(values, strict=False)


@pytest.mark.parametrize("event", EVENTS)
@given(data=st.data())
def test_struct_of_an_event_has_the_values_of_its_model(event: type[Event], data: st.DataObject) -> None:
    made = data.draw(events(event))
    struct = DECODERS[event_type(event)](made.model_dump_json().encode())
    assert to_model(event, struct) == made


@pytest.mark.parametrize("event", EVENTS)
@given(data=st.data())
def test_what_a_struct_accepts_its_model_accepts_with_equal_values(event: type[Event], data: st.DataObject) -> None:
    body = data.draw(nearly_right(event))
    assume(not FINER_THAN_MICROSECONDS.search(body))  # rounded by the struct, cut by the model
    try:
        struct = DECODERS[event_type(event)](body)
    except REFUSED:
        return
    assert to_model(event, struct) == event.model_validate_json(body)


@pytest.mark.parametrize("event", EVENTS)
def test_golden_file_parses_to_its_struct(event: type[Event]) -> None:
    golden = json.loads((GOLDEN / f"{event_type(event)}.json").read_text())
    payload = json.dumps(golden["payload"] | {"a_field_of_tomorrow": [1]}).encode()
    headers = encoded(tuple(golden["headers"].items()))
    sent = FakeRecord(golden["topic"], 0, 0, golden["key"].encode(), payload, headers)
    by_struct, by_model = decode(sent, structs=True), decode(sent)
    assert not isinstance(by_struct.event, event)
    assert to_model(event, by_struct.event) == by_model.event
    assert by_struct[1:] == by_model[1:]


def test_message_that_the_struct_refuses_is_decided_by_the_model() -> None:
    sent, body = record(envelope()), _body(value="1")
    with pytest.raises(msgspec.ValidationError):
        DECODERS[event_type(FeedbackCreated)](body)
    found = decode(replace(sent, value=body), structs=True).event
    assert isinstance(found, FeedbackCreated)
    assert found.value == 1.0


@pytest.mark.parametrize(
    "body", [None, b"", b"no json", b"{}", b"[]", b"[" * 100_000, b'{"project":"\xff"}', b'{"project":"\\ud800"}']
)
def test_malformed_message_is_refused_as_by_the_model(body: bytes | None) -> None:
    sent = replace(record(envelope()), value=body)
    with pytest.raises(Malformed) as by_model:
        decode(sent)
    with pytest.raises(Malformed) as by_struct:
        decode(sent, structs=True)
    assert str(by_struct.value) == str(by_model.value)


def test_field_that_is_wrong_and_never_read_is_refused() -> None:
    with pytest.raises(Malformed, match=r"execution\.output"):
        decode(replace(record(envelope()), value=_body(execution={**_FACTS, "output": 7})), structs=True)


def test_unknown_major_is_refused() -> None:
    sent = record(envelope())
    headers = tuple((name, b"ratchet.feedback.created.v2" if name == "ce_type" else it) for name, it in sent.headers)
    with pytest.raises(UnknownMajor):
        decode(replace(sent, headers=headers), structs=True)


def test_events_without_struct_are_models() -> None:
    for kind in CATALOG.keys() - DECODERS.keys():
        golden = json.loads((GOLDEN / f"{kind}.json").read_text())
        headers = encoded(tuple(golden["headers"].items()))
        sent = FakeRecord(golden["topic"], 0, 0, b"", json.dumps(golden["payload"]).encode(), headers)
        assert isinstance(decode(sent, structs=True).event, CATALOG[kind])


def test_nanoseconds_are_rounded_instead_of_cut() -> None:
    body = _body(received_at="2026-01-01T00:00:00.1234567Z")
    struct = DECODERS[event_type(FeedbackCreated)](body)
    model = FeedbackCreated.model_validate_json(body)
    assert (struct.received_at - model.received_at).total_seconds() == 1e-6


@pytest.mark.parametrize("event", EVENTS)
def test_struct_and_model_name_the_prompt_and_new_fields_alike(event: type[Event]) -> None:
    golden = json.loads((GOLDEN / f"{event_type(event)}.json").read_text())["payload"]
    for facts in (golden.get("facts"), golden.get("execution")):
        for prompt in [] if facts is None else facts["prompts"]:
            prompt["digest"] = None
    body = json.dumps(golden | {"revision": 2, "completes": ["outcome"]}).encode()
    struct, model = DECODERS[event_type(event)](body), event.model_validate_json(body)
    for name in ("facts", "execution"):
        if hasattr(model, name):
            own = getattr(struct, name).prompts
            assert [use.identity for use in own] == [use.identity for use in getattr(model, name).prompts]
    if isinstance(model, ExecutionRecorded):
        assert (struct.is_new("outcome"), struct.is_new("cost")) == (model.is_new("outcome"), model.is_new("cost"))


def _body(**fields: Any) -> bytes:
    return json.dumps(json.loads(envelope().event.model_dump_json()) | fields).encode()


_FACTS = {"execution_id": "e1", "occurred_at": "2026-01-01T00:00:00Z"}
