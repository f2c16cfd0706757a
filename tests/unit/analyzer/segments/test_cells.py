"""Cells get their own index while there is room; later ones are counted as other."""

from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.segments.dimensions import CELLS, LEVELS, OTHER, Cell, CellIndex

many = st.lists(st.tuples(st.integers(0, 30).map(str), st.integers(0, 4).map(str)), max_size=300)


def test_first_cells_have_their_own_index() -> None:
    cells = CellIndex()
    assert [cells.assign((str(number),)) for number in range(LEVELS)] == list(range(LEVELS))
    assert cells.assign(("3",)) == 3
    assert cells.assign(("one too many",)) == cells.assign(("another",)) == LEVELS
    assert cells.kept[LEVELS] == (OTHER,)


def test_a_cell_without_room_is_other_in_all_dimensions() -> None:
    cells = CellIndex()
    for number in range(CELLS):
        cells.assign((str(number % 16), str(number // 16), "same"))
    assert cells.assign(("0", "9", "same")) == CELLS
    assert cells.kept[CELLS] == (OTHER, OTHER, OTHER)
    assert cells.find(("0", "8", "same")) == CELLS


def test_lookup_adds_no_cell() -> None:
    cells = CellIndex()
    assert cells.find(("a",)) == -1
    assert cells.kept == []


@given(many)
def test_indexes_are_bounded_and_never_change(come: list[Cell]) -> None:
    cells = CellIndex()
    first = {cell: cells.assign(cell) for cell in reversed(come)}
    again = {cell: cells.assign(cell) for cell in reversed(come)}
    assert len(cells.kept) <= CELLS + 1
    assert all(cells.kept[index] == cell or OTHER in cells.kept[index] for cell, index in again.items())
    assert first.keys() == again.keys()
    assert {cell: cells.assign(cell) for cell in come} == again


@given(many, many)
def test_loaded_cells_give_the_same_indexes(come: list[Cell], later: list[Cell]) -> None:
    cells = CellIndex()
    for cell in come:
        cells.assign(cell)
    again = CellIndex(list(cells.kept))
    assert [again.assign(cell) for cell in later] == [cells.assign(cell) for cell in later]
