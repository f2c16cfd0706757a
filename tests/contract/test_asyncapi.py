"""The published AsyncAPI document equals the one that the code generates."""

import json
from pathlib import Path

from shared.events import CATALOG
from shared.messaging.asyncapi import document

PUBLISHED = Path(__file__).parents[2] / "docs" / "asyncapi.json"


def test_published_document_is_up_to_date() -> None:
    """Fails after a change; regenerate with `python -m shared.messaging.asyncapi > docs/asyncapi.json`."""
    assert json.loads(PUBLISHED.read_text()) == document()


def test_every_event_is_described() -> None:
    described = document()
    assert described["asyncapi"] == "3.0.0"
    addresses = {channel["address"] for channel in described["channels"].values()}
    assert {event.topic for event in CATALOG.values()} <= addresses
