"""The true cause is named in nearly all generated streams, and no other."""

import pytest

from benchmarks.attribution import attribute_dated_change, first_regression, is_right, largest_drop
from tests.support.attribution_worlds import FAULTS, SINGLE, stream
from tests.support.soak import scaled

SEEDS = scaled(5, 10)


def correct_explanations(kind: str) -> list[bool]:
    """Return for `count` streams whether the explanation was correct."""
    found = []
    for seed in range(SEEDS):
        values, change, truth = stream(seed, kind)
        explanation = attribute_dated_change(values, change)
        found.append(is_right(explanation.certain, explanation.causes, truth))
    return found


def test_single_causes_are_named() -> None:
    """At the benchmark's 98 %, fewer than 95 % of 90 streams are correct with a probability of 3 %; seeds are fixed."""
    found = [each for kind in SINGLE for each in correct_explanations(kind)]
    assert sum(found) >= 0.95 * len(found)


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind not in SINGLE])
def test_no_segment_is_named_without_a_single_cause(kind: str) -> None:
    assert sum(correct_explanations(kind)) >= 0.8 * SEEDS


def test_detected_regressions_name_the_cause() -> None:
    """Not every small drop is detected. At most one in seven may be wrong; over all drops about 5 % are."""
    kinds = ("a new prompt version", "a new model", "upstream errors", "everything drops")
    explanations = [
        (first_regression(values), truth)
        for kind in kinds
        for values, _, truth in (stream(seed, kind) for seed in range(3))
    ]
    found = [is_right(each.certain, each.causes, truth) for each, truth in explanations if each]
    assert len(found) >= 6
    assert sum(found) >= 0.8 * len(found)


def test_traffic_that_explains_a_third_of_a_drop_is_not_the_cause() -> None:
    values, _, truth = stream(5012, "a new prompt version for 40 %")
    explanation = first_regression(values)
    assert explanation
    assert is_right(explanation.certain, explanation.causes, truth)


def test_traffic_change_alone_raises_no_regression() -> None:
    assert not any(first_regression(stream(seed, "traffic mix only")[0]) for seed in range(3))


def test_naive_largest_drop_rule_blames_a_segment_for_traffic() -> None:
    """The suite must fail for this naive rule."""
    for seed in range(SEEDS):
        values, change, truth = stream(seed, "traffic mix only")
        name, level = largest_drop(values, change)
        assert (name, level) != (truth.name, truth.level)
