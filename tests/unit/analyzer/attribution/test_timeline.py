"""The past by cell: nothing is lost before it is forgotten, and its size doesn't grow."""

import json
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.attribution.time_blocks import UNIT
from analyzer.domain.attribution.timeline import CELLS, LEVELS, Timeline
from analyzer.domain.segments.dimensions import NOT_GIVEN, OTHER

pytestmark = pytest.mark.simulation

NAMES = ("route", "model")
cells = st.tuples(st.sampled_from("abc"), st.sampled_from("mn"))
values = st.lists(st.tuples(cells, st.floats(0, 1)), max_size=700)


def filled(told: list[tuple[tuple[str, ...], float]], names: tuple[str, ...] = NAMES) -> Timeline:
    timeline = Timeline(names)
    for at, (cell, value) in enumerate(told):
        timeline.add(cell, value, float(at))
    return timeline


def counted(timeline: Timeline) -> dict[tuple[str | None, ...], list[int]]:
    found: dict[tuple[str | None, ...], list[int]] = {}
    for block in timeline.blocks:
        for place, (n, total) in block.sums.items():
            sums = found.setdefault(timeline.cells[place], [0, 0])
            sums[0] += n
            sums[1] += total
    return {cell: sums for cell, sums in found.items() if sums[0]}


@given(values)
def test_every_value_is_counted_where_it_belongs(told: list[tuple[tuple[str, ...], float]]) -> None:
    expected: dict[tuple[str | None, ...], list[int]] = {}
    for cell, value in told:
        sums = expected.setdefault(cell, [0, 0])
        sums[0] += 1
        sums[1] += round(value * UNIT)
    timeline = filled(told)
    assert counted(timeline) == expected
    assert sum(block.filled for block in timeline.blocks) == len(told)
    assert all(before.end <= after.start for before, after in pairwise(timeline.blocks))


@given(values, values)
def test_a_timeline_reads_back_and_goes_on_the_same(
    before: list[tuple[tuple[str, ...], float]], after: list[tuple[tuple[str, ...], float]]
) -> None:
    timeline = filled(before)
    again = Timeline.load(json.loads(json.dumps(timeline.dump())))
    assert again == timeline
    for each in (timeline, again):
        for at, (cell, value) in enumerate(after):
            each.add(cell, value, 1000.0 + at)
    assert again == timeline


@given(values, st.data())
def test_what_is_taken_back_leaves_no_trace(told: list[tuple[tuple[str, ...], float]], data: st.DataObject) -> None:
    timeline = filled(told)
    for at in data.draw(st.sets(st.integers(0, len(told) - 1)) if told else st.just(set())):
        cell, value = told[at]
        timeline.correct(cell, value, 0.5, float(at))
        timeline.correct(cell, 0.5, value, float(at))
    assert counted(timeline) == counted(filled(told))
    for at, (cell, value) in enumerate(told):
        timeline.correct(cell, value, None, float(at))
    assert counted(timeline) == {}


def test_what_was_never_counted_is_not_corrected() -> None:
    timeline = filled([(("a", "m"), 1.0)])
    timeline.correct(("b", "m"), 1.0, 0.0, 5.0)
    timeline.correct(("a", "m"), None, 0.0, 5.0)
    timeline.correct(("a", "m"), 1.0, 0.0, -5.0)
    assert counted(timeline) == {("a", "m"): [1, UNIT]}


@given(st.lists(st.floats(0, 1000), max_size=300))
def test_what_comes_late_goes_where_it_belongs(times: list[float]) -> None:
    timeline = Timeline(("route",))
    for at in times:
        timeline.add(("a",), 1.0, at)
    assert sum(block.filled for block in timeline.blocks) == len(times)
    assert all(before.start <= before.end <= after.start for before, after in pairwise(timeline.blocks))
    for block in timeline.blocks[1:]:
        assert block.filled <= sum(block.start <= at <= block.end for at in times)


def test_late_feedback_does_not_blur_when_something_began() -> None:
    """One of ten values is of long ago."""
    rnd, timeline = random.Random(1), Timeline(("version",))
    for number in range(4000):
        at = number - rnd.uniform(500, 1500) if rnd.random() < 0.1 else float(number)
        timeline.add(("new" if at >= 3000 else "old",), 1.0, max(at, 0.0))
    for block in timeline.blocks:
        cells = {timeline.cells[place] for place in block.sums}
        assert cells == {("new",) if block.start >= 3000 else ("old",)} or block.start < 3000 <= block.end


def test_blocks_are_no_longer_than_a_third_of_their_age() -> None:
    timeline = filled([(("a", "m"), 1.0)] * 9000)
    age = 0
    for block in reversed(timeline.blocks):
        assert block.filled <= max(25, age / 3)
        age += block.filled
    assert 5000 < age <= 9000


@pytest.mark.parametrize("levels", [3, 100, 10_000])
def test_memory_is_flat_in_history_and_levels(levels: int) -> None:
    rnd, sizes = random.Random(1), []
    timeline = Timeline(("user", "route"))
    for number in range(30_000):
        timeline.add((f"u{rnd.randrange(levels)}", rnd.choice("abc")), rnd.random(), float(number))
        if number >= 10_000 and number % 250 == 0:
            sizes.append(len(json.dumps(timeline.dump())))
    assert len(timeline.cells) <= CELLS
    assert len(timeline.blocks) <= 6 * 9 + 1
    assert max(sizes[40:]) < 1.1 * max(sizes[:40])


def test_levels_that_are_too_many_become_other_and_the_rest_stays_known() -> None:
    timeline = filled([((f"user-{number}", "x" if number % 3 else "y"), 1.0) for number in range(1000)])
    known = counted(timeline)
    assert len({cell[0] for cell in known}) <= CELLS
    assert (OTHER, "x") in known
    assert sum(sums[0] for cell, sums in known.items() if cell[1] == "y") == 334
    assert LEVELS < CELLS


def test_when_all_is_rare_versions_are_what_is_remembered() -> None:
    rnd = random.Random(2)
    names = ("route", "language", "region", "prompt_version:answer")
    told = [(tuple(str(rnd.randrange(12)) for _ in range(3)), f"v{number // 1500}") for number in range(3000)]
    timeline = filled([((*cell, version), 0.5) for cell, version in told], names)
    versions = {cell[3]: 0 for cell in timeline.cells}
    for cell, (n, _) in counted(timeline).items():
        versions[cell[3]] += n
    assert versions == {"v0": 1500, "v1": 1500}


def test_a_dimension_may_be_added() -> None:
    timeline = filled([(("a", "m"), 1.0)] * 30)
    timeline.widen("prompt_version:judge")
    timeline.add(("a", "m", "j1"), 1.0, 30.0)
    assert counted(timeline) == {("a", "m", NOT_GIVEN): [30, 30 * UNIT], ("a", "m", "j1"): [1, UNIT]}


def test_dimensions_are_not_added_for_ever() -> None:
    timeline = filled([(("a", "m"), 1.0)] * 30)
    for number in range(100):
        timeline.widen(f"prompt_version:p{number}")
    assert len(timeline.names) == len(timeline.cells[0]) == 24
