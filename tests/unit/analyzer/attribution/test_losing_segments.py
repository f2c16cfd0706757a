"""Segments that lose more than the others are named; none is named if all lose equally or nothing is lost."""

import random

import pytest

from analyzer.domain.attribution.contrasts import ChangePoint, Comparison, compare
from analyzer.domain.attribution.losing_segments import losing_segments
from analyzer.domain.attribution.timeline import Timeline

CHANGE = ChangePoint(1500, 1450, 1550)


def compared(seed: int, fall: dict[str, float]) -> Comparison:
    """Return thumbs, 85 % up; from number 1,500 on the share of each language falls by its own amount."""
    rnd = random.Random(seed)
    timeline = Timeline(("language", "route"))
    for number in range(2500):
        language = rnd.choice(["en", "en", "de", "fr"])
        share = 0.85 - (fall.get(language, 0.0) if number >= 1500 else 0.0)
        timeline.add((language, rnd.choice("ab")), float(rnd.random() < share), float(number))
    return compare(timeline, CHANGE)


def test_losing_segment_is_named_with_its_figures() -> None:
    (found,) = losing_segments(compared(1, {"de": 0.3}))
    assert (found.dimension, found.level) == ("language", "de")
    assert found.before == pytest.approx(0.85, abs=0.06)
    assert found.low < -0.3 < found.high < 0.0
    assert found.rest == pytest.approx(0.0, abs=0.06)
    assert found.after == pytest.approx(found.before - 0.3, abs=0.12)
    assert 150 < found.n < 350


def test_worst_segment_comes_first() -> None:
    found = losing_segments(compared(1, {"de": 0.5, "fr": 0.25}))
    assert found[0].level == "de"


def test_noise_is_not_named() -> None:
    """The level is 5 % over 30 streams; more than 5 would occur with a probability of 1 in 300."""
    named = sum(bool(losing_segments(compared(seed, {}))) for seed in range(30))
    assert named <= 5


def test_no_segment_is_named_if_all_lose_equally() -> None:
    named = sum(bool(losing_segments(compared(seed, dict.fromkeys(("en", "de", "fr"), 0.2)))) for seed in range(15))
    assert named <= 4


def test_no_segment_is_named_without_values() -> None:
    assert losing_segments(compare(Timeline(("language",)), CHANGE)) == ()
