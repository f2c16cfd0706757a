"""Shifts move the cells of the reference to one mean, whatever their traffic is."""

import pytest

from analyzer.domain.segments.dimensions import Cell
from analyzer.domain.segments.shifts import MICROS, CellSums, find_shifts, new_levels

EASY: Cell = ("easy",)
HARD: Cell = ("hard",)


def sums(values: dict[Cell, list[float]]) -> CellSums:
    """Return the sums of values by cell."""
    squares = sum(round(value * MICROS) ** 2 for own in values.values() for value in own)
    totals = [sum(round(value * MICROS) for value in own) for own in values.values()]
    return CellSums(list(values), [len(own) for own in values.values()], totals, squares)


def test_shifts_move_cells_to_the_mean_of_the_weights() -> None:
    easy, hard = find_shifts(sums({EASY: [0.9] * 400, HARD: [0.5] * 400}), [True, True], {EASY: 3.0, HARD: 1.0})
    assert easy == pytest.approx(0.8 - 0.9, abs=0.01)
    assert hard == pytest.approx(0.8 - 0.5, abs=0.01)


@pytest.mark.parametrize("hard", [50, 4000])
def test_shifts_do_not_depend_on_traffic(hard: int) -> None:
    found = find_shifts(sums({EASY: [0.9] * 400, HARD: [0.5] * hard}), [True, True], {EASY: 1.0, HARD: 1.0})
    assert found == pytest.approx([-0.2, 0.2], abs=0.02)


@pytest.mark.parametrize("familiar", [[True, False], [False, False]])
def test_fewer_than_two_known_cells_are_not_shifted(familiar: list[bool]) -> None:
    assert find_shifts(sums({EASY: [0.9] * 50, HARD: [0.5] * 50}), familiar, {EASY: 1.0}) == [0.0, 0.0]


def test_cell_outside_the_reference_is_not_shifted() -> None:
    known = {EASY: [0.9] * 100, HARD: [0.5] * 100}
    *_, last = find_shifts(sums({**known, ("new",): [0.1] * 100}), [True, True, False], {EASY: 1.0, HARD: 1.0})
    assert last == 0.0


def test_new_level_has_more_values_than_a_rare_one() -> None:
    cells: list[Cell] = [("a", "x"), ("b", "x"), ("c", "y"), ("d", "x")]
    assert new_levels(cells, [100, 6, 7, 0], [True]) == {(0, "c"), (1, "y")}
