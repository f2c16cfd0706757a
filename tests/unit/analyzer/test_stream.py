"""Streams: state of constant size, unaffected by restarts."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.domain.dimension_history import DimensionHistory
from analyzer.domain.engine import QualityEngine
from analyzer.domain.metrics.extraction import metric_named
from analyzer.domain.model import Dimension, Reading
from analyzer.domain.regressions.lifecycle import Regression
from analyzer.domain.streams.stream import Stream
from analyzer.domain.streams.sums import Sums
from analyzer.domain.watch_rules import Rules
from analyzer.handlers import readings
from tests.support.quality import facts, feedback, replacing, successive_thumbs
from tests.support.soak import scaled

pytestmark = pytest.mark.simulation


def events(seed: int, n: int) -> list[Reading]:
    """Return thumbs of successive versions, some of them corrected later; odd seeds have a language."""
    rnd, made = random.Random(seed), []
    for number in range(n):
        version, up = f"v{number // 160}", float(rnd.random() < (0.9, 0.4, 0.8)[number // 160 % 3])
        attributes = {"language": rnd.choice(("en", "de"))} if seed % 2 else {}
        made.append(feedback(number, version, value=up, execution=facts(number, version, attributes=attributes)))
        if rnd.random() < 0.1:
            made.append(replacing(number, 1.0 - up, up, version))
    return [found for event in made for found in readings(event) if isinstance(found, Reading)]


WATCHING = Rules().watching(Dimension("acme", "production", "bot", "thumb"), metric_named("thumb"))


def restarted(engine: QualityEngine) -> QualityEngine:
    """Return the engine of a new process, loaded from the state that the previous one saved."""
    new = QualityEngine()
    new.preload(
        [_restarted(stream, engine.rules) for stream in engine.streams.values()],
        [_reloaded(regression) for regression in engine.regressions.values()],
        [DimensionHistory.load(history.dimension, json.loads(history.dump())) for history in engine.histories.values()],
    )
    return new


def _restarted(stream: Stream, rules: Rules) -> Stream:
    dimension = stream.key.prompt_metric.dimension
    watching = rules.watching(dimension, metric_named(dimension.metric))
    return Stream.load(stream.key, watching, json.loads(stream.dump()))


def _reloaded(kept: Regression) -> Regression:
    shown, memory = (list(kept.good), json.loads(json.dumps(kept.terms))), json.loads(kept.dump())
    return Regression.load(
        kept.detected, kept.resolved, (kept.opened_at, kept.resolved_at), shown, WATCHING.settings, memory
    )


@given(st.integers(0, 100), st.sets(st.integers(1, 699), max_size=6))
@settings(max_examples=scaled(8, 100, unit=3))
def test_restarts_change_nothing(seed: int, restarts: set[int]) -> None:
    whole, interrupted = QualityEngine(), QualityEngine()
    turns, turns_again = [], []
    for index, reading in enumerate(events(seed, 640)):
        if index in restarts:
            interrupted = restarted(interrupted)
        turns += whole.apply(reading)
        turns_again += interrupted.apply(reading)
    assert turns == turns_again
    assert {key: stream.dump() for key, stream in whole.streams.items()} == {
        key: stream.dump() for key, stream in interrupted.streams.items()
    }


@given(st.randoms(use_true_random=False))
@settings(max_examples=scaled(12, 100, unit=4))
def test_sums_do_not_depend_on_the_order_of_arrival(rnd: random.Random) -> None:
    found = events(1, 200)
    shuffled = list(found)
    rnd.shuffle(shuffled)
    ordered, mixed = QualityEngine(), QualityEngine()
    for reading in found:
        ordered.apply(reading)
    for reading in shuffled:
        mixed.apply(reading)
    assert {key: stream.sums for key, stream in ordered.streams.items()} == {
        key: stream.sums for key, stream in mixed.streams.items()
    }


THUMB = st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([True, None, False]))


@given(st.lists(st.lists(THUMB, min_size=1, max_size=5), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_latest_feedback_of_each_user_counts_with_consent(
    chains: list[list[tuple[float, bool]]], rnd: random.Random
) -> None:
    """For any order of consent changes and of arrival."""
    sent = [event for number, chain in enumerate(chains) for event in successive_thumbs(number, chain)]
    rnd.shuffle(sent)
    engine = QualityEngine()
    for event in sent:
        for found in readings(event):
            if isinstance(found, Reading):
                engine.apply(found)
    expected = Sums()
    for value in (chain[-1][0] for chain in chains if chain[-1][1] is not False):
        expected.add(value)
    counted = next((stream.sums for stream in engine.streams.values()), Sums())
    assert counted == expected


def test_state_stays_small() -> None:
    engine = QualityEngine()
    sizes = []
    rnd = random.Random(2)
    for number in range(12_000):
        for found in readings(feedback(number, value=float(rnd.random() < 0.8))):
            assert isinstance(found, Reading)
            engine.apply(found)
        if number in (4_000, 11_999):
            engine.pending_measurements()
            sizes.append(len(next(iter(engine.streams.values())).dump()))
    assert sizes[1] < 1.15 * sizes[0]
    assert sizes[1] < 12_000


def test_window_is_reported_at_25_values_or_after_a_minute() -> None:
    engine = QualityEngine()

    def observe(*numbers: int) -> list[int]:
        for number in numbers:
            for found in readings(feedback(number)):
                assert isinstance(found, Reading)
                engine.apply(found)
        return [sent.measurement.n for sent in engine.pending_measurements()]

    assert observe(*range(24)) == []
    assert observe(24) == [25]
    assert observe(30) == []
    assert observe(95) == [2]
