"""Every event has a golden file: the bytes that other versions and other languages must be able to read.

A new event or an optional field extends a file. A change of existing content is a new major version.
"""

import json
from pathlib import Path

import pytest

from shared.events import CATALOG, Event
from shared.messaging.cloudevents import decode, encode
from shared.testing.bus import FakeRecord
from tests.support.golden import example
from tests.support.messaging import encoded, envelope

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("kind", sorted(CATALOG))
def test_event_serialises_to_its_golden_file(kind: str) -> None:
    golden = json.loads((GOLDEN / f"{kind}.json").read_text())
    sent = example(CATALOG[kind])
    message = encode(sent)
    assert {
        "topic": message.topic,
        "key": message.key,
        "headers": dict(message.headers),
        "payload": json.loads(message.value),
    } == golden


@pytest.mark.parametrize("kind", sorted(CATALOG))
def test_golden_file_parses_to_its_event(kind: str) -> None:
    golden = json.loads((GOLDEN / f"{kind}.json").read_text())
    payload = json.dumps(golden["payload"] | {"a_field_of_tomorrow": [1]}).encode()
    headers = encoded(tuple(golden["headers"].items()))
    received = decode(FakeRecord(golden["topic"], 0, 0, golden["key"].encode(), payload, headers))
    sent = example(CATALOG[kind])
    assert received.event == sent.event
    assert (received.id, received.time, received.source) == (sent.id, sent.time, sent.source)


def test_every_golden_file_has_an_event() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(CATALOG)


@pytest.mark.parametrize("event", CATALOG.values())
def test_every_event_is_frozen_and_has_topic_and_key(event: type[Event]) -> None:
    made = example(event).event
    assert made.model_config["frozen"]
    assert made.topic
    assert envelope(made).event.key


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("ratchet.feedback.created.v1", ["key_scope"]),
        ("ratchet.proposal.ready.v1", ["example_sets", "examples", "grant_eligible"]),
    ],
)
def test_event_without_a_newer_field_gets_the_least_trusted_value(kind: str, fields: list[str]) -> None:
    golden = json.loads((GOLDEN / f"{kind}.json").read_text())
    parent = golden["payload"]
    for field in fields[:-1]:
        parent = parent[field][0]
    del parent[fields[-1]]
    headers = encoded(tuple(golden["headers"].items()))
    record = FakeRecord(golden["topic"], 0, 0, golden["key"].encode(), json.dumps(golden["payload"]).encode(), headers)
    dumped = decode(record).event.model_dump()
    for field in fields[:-1]:
        dumped = dumped[field][0]
    assert not dumped[fields[-1]]
