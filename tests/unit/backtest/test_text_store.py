"""Storage of texts and users of a history."""

from hypothesis import given
from hypothesis import strategies as st

from ratchet_backtest.text_store import TextStore, UserIndex


@given(st.lists(st.lists(st.text(max_size=30) | st.none(), max_size=10), max_size=5))
def test_texts_are_read_in_any_order(batches: list[list[str | None]]) -> None:
    texts = TextStore()
    for batch in batches:
        texts.extend(batch)
    every = [text or "" for batch in batches for text in batch]
    for row in reversed(range(len(every))):
        assert texts.at(row) == every[row].encode("utf-8", "replace").decode()
    texts.close()


def test_long_texts_are_truncated_and_other_cells_serialised() -> None:
    texts = TextStore()
    texts.extend(["ü" * 5000, ["a", 1], 17])
    assert (texts.at(0), texts.at(1), texts.at(2)) == ("ü" * 2000, "['a', 1]", "17")
    texts.close()


def test_users_are_compared_by_identity() -> None:
    people = UserIndex()
    people.extend(["ann", "bob", "ann", 17, None])
    assert people.at(0) == people.at(2) != people.at(1)
    assert "ann" not in people.at(0)
