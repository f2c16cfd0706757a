"""A quality engine that is fed events, without a database."""

from collections.abc import Callable, Iterable, Iterator

import pytest

from analyzer.domain.engine import QualityEngine, RegressionEvent
from analyzer.domain.model import Reading
from analyzer.handlers import Measurable, readings

Feed = Callable[[QualityEngine, Iterable[Measurable]], list[RegressionEvent]]


def read(events: Iterable[Measurable]) -> Iterator[Reading]:
    """Yield the readings of events."""
    found = (reading for event in events for reading in readings(event))
    return (reading for reading in found if isinstance(reading, Reading))


@pytest.fixture
def engine() -> QualityEngine:
    return QualityEngine()


@pytest.fixture
def feed() -> Feed:
    """Return a function that feeds events to an engine and returns the resulting regression events."""

    def feed(engine: QualityEngine, events: Iterable[Measurable]) -> list[RegressionEvent]:
        return [turn for reading in read(events) for turn in engine.apply(reading)]

    return feed
