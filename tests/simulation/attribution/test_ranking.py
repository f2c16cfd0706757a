"""The guilty are named in nearly all streams whose truth is known, and the innocent aren't."""

import pytest

from benchmarks.attribution import dated, largest_drop, raised, right
from tests.support.attribution_worlds import FAULTS, SINGLE, stream
from tests.support.soak import scaled

SEEDS = scaled(5, 10)


def answers(kind: str) -> list[bool]:
    """Of so many streams, whether the right thing was said."""
    found = []
    for seed in range(SEEDS):
        values, change, truth = stream(seed, kind)
        said = dated(values, change)
        found.append(right(said.certain, said.causes, truth))
    return found


def test_single_causes_are_named() -> None:
    """At the benchmark's 98 %, fewer than 95 % of 90 streams are right with a chance of 3 %; seeds are fixed."""
    found = [each for kind in SINGLE for each in answers(kind)]
    assert sum(found) >= 0.95 * len(found)


@pytest.mark.parametrize("kind", [kind for kind in FAULTS if kind not in SINGLE])
def test_what_has_no_single_cause_inside_is_said_to_have_none(kind: str) -> None:
    assert sum(answers(kind)) >= 0.8 * SEEDS


def test_what_the_ledger_raises_names_the_cause_as_well() -> None:
    """Small falls aren't all raised. One in seven may be wrong: of everything's drops some 5 % are."""
    kinds = ("a new prompt version", "a new model", "upstream errors", "everything drops")
    said = [(raised(values), truth) for kind in kinds for values, _, truth in (stream(seed, kind) for seed in range(3))]
    found = [right(each.certain, each.causes, truth) for each, truth in said if each]
    assert len(found) >= 6
    assert sum(found) >= 0.8 * len(found)


def test_traffic_that_explains_a_third_of_a_fall_is_not_its_cause() -> None:
    values, _, truth = stream(5012, "a new prompt version for 40 %")
    said = raised(values)
    assert said
    assert right(said.certain, said.causes, truth)


def test_the_ledger_is_silent_where_only_traffic_changed() -> None:
    assert not any(raised(stream(seed, "traffic mix only")[0]) for seed in range(3))


def test_the_rule_of_the_largest_drop_blames_traffic_on_a_segment() -> None:
    """The same suite fails what it must fail."""
    for seed in range(SEEDS):
        values, change, truth = stream(seed, "traffic mix only")
        name, level = largest_drop(values, change)
        assert (name, level) != (truth.name, truth.level)
