"""Merging removed parts back: nothing of either side is lost."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet.prompt.merge import MAX_ITEMS, MergeConflict, merge_mappings, merge_sequences, merge_values

LINES = st.lists(st.sampled_from("abcde"), max_size=12)
VALUES = st.dictionaries(st.sampled_from("abc"), st.integers(0, 1) | st.booleans(), max_size=3)


def within(part: Sequence[str], whole: Sequence[str]) -> bool:
    rest = iter(whole)
    return all(item in rest for item in part)


@st.composite
def cut(draw: st.DrawFn) -> tuple[list[str], list[str]]:
    """A strategy for a sequence, and the same with some items omitted."""
    whole = draw(LINES)
    kept = draw(st.lists(st.booleans(), min_size=len(whole), max_size=len(whole)))
    return whole, [item for item, keep in zip(whole, kept, strict=True) if keep]


@given(LINES, LINES)
def test_merge_contains_both_sides_in_order(good: list[str], bad: list[str]) -> None:
    try:
        merged = merge_sequences(good, bad, "x")
    except MergeConflict:
        return
    assert within(good, merged.items)
    assert within(bad, merged.items)
    assert len(merged.items) == len(good) + len(merged.added) == len(bad) + len(merged.removed)


@given(cut())
def test_pure_deletion_is_undone_exactly(sides: tuple[list[str], list[str]]) -> None:
    whole, part = sides
    merged = merge_sequences(whole, part, "x")
    assert list(merged.items) == whole
    assert not merged.added


@given(cut())
def test_pure_additions_are_kept(sides: tuple[list[str], list[str]]) -> None:
    whole, part = sides
    merged = merge_sequences(part, whole, "x")
    assert list(merged.items) == whole
    assert not merged.removed


def test_separate_removal_and_addition() -> None:
    merged = merge_sequences(["french", "brief", "sources"], ["brief", "sources", "emoji"], "x")
    assert merged.items == ("french", "brief", "sources", "emoji")
    assert (merged.removed, merged.added) == (("french",), ("emoji",))


def test_replacement_is_a_conflict() -> None:
    with pytest.raises(MergeConflict, match="here"):
        merge_sequences(["a", "b", "c"], ["a", "x", "c"], "here")


def test_sequences_too_long_to_compare_are_a_conflict() -> None:
    many = [str(n) for n in range(MAX_ITEMS + 1)]
    with pytest.raises(MergeConflict):
        merge_sequences(["x", *many], [*many, "y"], "here")
    assert merge_sequences(many, many[1:], "here").items == tuple(many), "a pure deletion needs no comparison"


@given(VALUES, VALUES)
def test_merge_of_mappings_contains_both(good: dict[str, object], bad: dict[str, object]) -> None:
    try:
        merged = merge_mappings(good, bad, "parameters")
    except MergeConflict as clash:
        key = clash.where.removeprefix("parameters.")
        assert repr(good[key]) != repr(bad[key])
        return
    assert merged == {**good, **bad}
    assert repr([good[key] for key in good]) == repr([merged[key] for key in good])


def test_true_is_not_one() -> None:
    with pytest.raises(MergeConflict, match="flag"):
        merge_mappings({"flag": True}, {"flag": 1}, "p")


def test_single_values() -> None:
    assert merge_values("m", None, "model") == "m"
    assert merge_values(None, "m", "model") == "m"
    assert merge_values(None, None, "model") is None
    with pytest.raises(MergeConflict, match="model"):
        merge_values("m", "n", "model")
