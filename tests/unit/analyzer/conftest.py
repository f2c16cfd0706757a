"""A ledger that is fed events, without a database."""

from collections.abc import Callable, Iterable, Iterator

import pytest

from analyzer.domain.engine import QualityEngine, Turn
from analyzer.domain.model import Reading
from analyzer.handlers import Measurable, readings

Feed = Callable[[QualityEngine, Iterable[Measurable]], list[Turn]]


def read(events: Iterable[Measurable]) -> Iterator[Reading]:
    """What events measure."""
    found = (reading for event in events for reading in readings(event))
    return (reading for reading in found if isinstance(reading, Reading))


@pytest.fixture
def ledger() -> QualityEngine:
    return QualityEngine()


@pytest.fixture
def feed() -> Feed:
    """Feeds events to a ledger and gives back what they led to."""

    def feed(ledger: QualityEngine, events: Iterable[Measurable]) -> list[Turn]:
        return [turn for reading in read(events) for turn in ledger.take(reading)]

    return feed
