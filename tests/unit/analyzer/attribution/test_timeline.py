"""History by cell: complete within its retention, of constant size."""

import json
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.attribution.time_blocks import SCALE_FACTOR
from analyzer.domain.attribution.timeline import CELLS, LEVELS, Timeline
from analyzer.domain.segments.dimensions import NOT_GIVEN, OTHER
from tests.support.soak import scaled

pytestmark = pytest.mark.simulation

NAMES = ("route", "model")
cells = st.tuples(st.sampled_from("abc"), st.sampled_from("mn"))
values = st.lists(st.tuples(cells, st.floats(0, 1)), max_size=700)


def make_timeline(values: list[tuple[tuple[str, ...], float]], names: tuple[str, ...] = NAMES) -> Timeline:
    timeline = Timeline(names)
    for at, (cell, value) in enumerate(values):
        timeline.add(cell, value, float(at))
    return timeline


def count_values(timeline: Timeline) -> dict[tuple[str | None, ...], list[int]]:
    found: dict[tuple[str | None, ...], list[int]] = {}
    for block in timeline.blocks:
        for index, (n, total) in block.sums.items():
            sums = found.setdefault(timeline.cells[index], [0, 0])
            sums[0] += n
            sums[1] += total
    return {cell: sums for cell, sums in found.items() if sums[0]}


@given(values)
def test_every_value_is_counted_in_its_cell(values: list[tuple[tuple[str, ...], float]]) -> None:
    expected: dict[tuple[str | None, ...], list[int]] = {}
    for cell, value in values:
        sums = expected.setdefault(cell, [0, 0])
        sums[0] += 1
        sums[1] += round(value * SCALE_FACTOR)
    timeline = make_timeline(values)
    assert count_values(timeline) == expected
    assert sum(block.filled for block in timeline.blocks) == len(values)
    assert all(before.end <= after.start for before, after in pairwise(timeline.blocks))


@given(values, values)
def test_saved_timeline_continues_identically(
    before: list[tuple[tuple[str, ...], float]], after: list[tuple[tuple[str, ...], float]]
) -> None:
    timeline = make_timeline(before)
    again = Timeline.load(json.loads(json.dumps(timeline.dump())))
    assert again == timeline
    for each in (timeline, again):
        for at, (cell, value) in enumerate(after):
            each.add(cell, value, 1000.0 + at)
    assert again == timeline


@given(values, st.data())
def test_removed_value_leaves_no_trace(values: list[tuple[tuple[str, ...], float]], data: st.DataObject) -> None:
    timeline = make_timeline(values)
    for at in data.draw(st.sets(st.integers(0, len(values) - 1)) if values else st.just(set())):
        cell, value = values[at]
        timeline.correct(cell, value, 0.5, float(at))
        timeline.correct(cell, 0.5, value, float(at))
    assert count_values(timeline) == count_values(make_timeline(values))
    for at, (cell, value) in enumerate(values):
        timeline.correct(cell, value, None, float(at))
    assert count_values(timeline) == {}


def test_uncounted_value_is_not_corrected() -> None:
    timeline = make_timeline([(("a", "m"), 1.0)])
    timeline.correct(("b", "m"), 1.0, 0.0, 5.0)
    timeline.correct(("a", "m"), None, 0.0, 5.0)
    timeline.correct(("a", "m"), 1.0, 0.0, -5.0)
    assert count_values(timeline) == {("a", "m"): [1, SCALE_FACTOR]}


@given(st.lists(st.floats(0, 1000), max_size=300))
def test_late_value_is_counted_in_its_block(times: list[float]) -> None:
    timeline = Timeline(("route",))
    for at in times:
        timeline.add(("a",), 1.0, at)
    assert sum(block.filled for block in timeline.blocks) == len(times)
    assert all(before.start <= before.end <= after.start for before, after in pairwise(timeline.blocks))
    for block in timeline.blocks[1:]:
        assert block.filled <= sum(block.start <= at <= block.end for at in times)


def test_late_feedback_does_not_blur_the_start_of_a_level() -> None:
    """One of ten values is very old."""
    rnd, timeline = random.Random(1), Timeline(("version",))
    for number in range(4000):
        at = number - rnd.uniform(500, 1500) if rnd.random() < 0.1 else float(number)
        timeline.add(("new" if at >= 3000 else "old",), 1.0, max(at, 0.0))
    for block in timeline.blocks:
        cells = {timeline.cells[index] for index in block.sums}
        assert cells == {("new",) if block.start >= 3000 else ("old",)} or block.start < 3000 <= block.end


def test_blocks_are_no_longer_than_a_third_of_their_age() -> None:
    timeline = make_timeline([(("a", "m"), 1.0)] * 9000)
    age = 0
    for block in reversed(timeline.blocks):
        assert block.filled <= max(25, age / 3)
        age += block.filled
    assert 5000 < age <= 9000


@pytest.mark.parametrize("levels", scaled([3, 100, 10_000], [3, 100, 10_000], unit=[10_000]))
def test_memory_is_constant_in_history_and_levels(levels: int) -> None:
    rnd, sizes = random.Random(1), []
    timeline = Timeline(("user", "route"))
    for number in range(30_000):
        timeline.add((f"u{rnd.randrange(levels)}", rnd.choice("abc")), rnd.random(), float(number))
        if number >= 10_000 and number % 250 == 0:
            sizes.append(len(json.dumps(timeline.dump())))
    assert len(timeline.cells) <= CELLS
    assert len(timeline.blocks) <= 6 * 9 + 1
    assert max(sizes[40:]) < 1.1 * max(sizes[:40])


def test_excess_levels_become_other() -> None:
    timeline = make_timeline([((f"user-{number}", "x" if number % 3 else "y"), 1.0) for number in range(1000)])
    known = count_values(timeline)
    assert len({cell[0] for cell in known}) <= CELLS
    assert (OTHER, "x") in known
    assert sum(sums[0] for cell, sums in known.items() if cell[1] == "y") == 334
    assert LEVELS < CELLS


def test_versions_are_kept_if_all_levels_are_rare() -> None:
    rnd = random.Random(2)
    names = ("route", "language", "region", "prompt_version:answer")
    values = [(tuple(str(rnd.randrange(12)) for _ in range(3)), f"v{number // 1500}") for number in range(3000)]
    timeline = make_timeline([((*cell, version), 0.5) for cell, version in values], names)
    versions = {cell[3]: 0 for cell in timeline.cells}
    for cell, (n, _) in count_values(timeline).items():
        versions[cell[3]] += n
    assert versions == {"v0": 1500, "v1": 1500}


def test_a_dimension_may_be_added() -> None:
    timeline = make_timeline([(("a", "m"), 1.0)] * 30)
    timeline.widen("prompt_version:judge")
    timeline.add(("a", "m", "j1"), 1.0, 30.0)
    assert count_values(timeline) == {
        ("a", "m", NOT_GIVEN): [30, 30 * SCALE_FACTOR],
        ("a", "m", "j1"): [1, SCALE_FACTOR],
    }


def test_number_of_dimensions_is_limited() -> None:
    timeline = make_timeline([(("a", "m"), 1.0)] * 30)
    for number in range(100):
        timeline.widen(f"prompt_version:p{number}")
    assert len(timeline.names) == len(timeline.cells[0]) == 24


@pytest.mark.parametrize("late", [0.0, 0.2])
def test_values_at_once_are_added_as_one_by_one(late: float) -> None:
    """With more cells than are kept, so that cells are renumbered within a batch."""
    rnd = random.Random(7)
    cells = [(f"a{number % 40}", f"b{number}", "") for number in range(700)]
    numbers = [min(int(rnd.expovariate(1 / 150)), 699) for _ in range(3000)]
    at = [float(number - (rnd.randrange(200) if rnd.random() < late else 0)) for number in range(3000)]
    values = [rnd.random() for _ in numbers]
    apart, together = (Timeline(("route", "language", "model")) for _ in range(2))
    start = 0
    while start < len(numbers):
        stop = start + rnd.randint(1, 400)
        for number, value, moment in zip(numbers[start:stop], values[start:stop], at[start:stop], strict=True):
            apart.add(cells[number], value, moment)
        together.add_many(numbers[start:stop], cells.__getitem__, values[start:stop], at[start:stop])
        assert together.dump() == apart.dump()
        start = stop
