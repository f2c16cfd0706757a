"""The expected value of a cell lies between its own mean and the effects of its levels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.segments.dimensions import Cell
from analyzer.domain.segments.expectation import expectation

tables = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")),
    st.tuples(st.integers(1, 500), st.floats(0, 1)),
    min_size=1,
)
ADDED: dict[Cell, tuple[int, float]] = {
    (route, language): (100, 0.5 + by_route + by_language)
    for route, by_route in (("a", 0.1), ("b", -0.1))
    for language, by_language in (("x", 0.2), ("y", -0.2))
}


def test_sums_of_effects_are_found() -> None:
    found = expectation(ADDED, 0.01)
    for cell, (_, mean) in ADDED.items():
        assert found.estimate(cell)[0] == pytest.approx(mean, abs=0.01)
    assert found.common(("a", "new")) == pytest.approx(0.6, abs=0.01)
    assert found.common(("new", "new")) == pytest.approx(0.5)


def test_unknown_cell_is_expected_from_its_levels() -> None:
    without = {cell: sums for cell, sums in ADDED.items() if cell != ("a", "x")}
    assert expectation(without, 0.0001).estimate(("a", "x"))[0] == pytest.approx(0.8, abs=0.05)


def test_mean_is_weighted_by_the_given_weights() -> None:
    weights: dict[Cell, float] = {cell: 1.0 if cell[0] == "a" else 0.0 for cell in ADDED}
    assert expectation(ADDED, 0.01, weights).common(("new", "new")) == pytest.approx(0.6, abs=0.01)


@given(tables, st.floats(0, 0.3))
def test_expectation_lies_between_the_cell_and_its_levels(table: dict[Cell, tuple[int, float]], spread: float) -> None:
    found = expectation(table, spread)
    for cell, (n, mean) in table.items():
        level, size = found.estimate(cell)
        ends = sorted((mean, found.common(cell)))
        assert ends[0] - 1e-9 <= level <= ends[1] + 1e-9
        assert size >= n


@given(tables)
def test_the_order_of_cells_hardly_matters(table: dict[Cell, tuple[int, float]]) -> None:
    turned = dict(reversed(table.items()))
    one, other = expectation(table, 0.1), expectation(turned, 0.1)
    for cell in table:
        assert one.estimate(cell)[0] == pytest.approx(other.estimate(cell)[0], abs=1e-6)
