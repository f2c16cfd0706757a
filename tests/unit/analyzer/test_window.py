"""The window slides by blocks, stays small, and knows what was before it."""

from hypothesis import given
from hypothesis import strategies as st

from analyzer.samples import Worst
from analyzer.sums import Sums
from analyzer.window import BLOCK, BLOCKS, Window

values = st.lists(st.floats(0, 1), max_size=600)


def filled(numbers: list[float]) -> Window:
    window = Window()
    for index, value in enumerate(numbers):
        window.add(value, float(index), "model")
    return window


@given(values)
def test_the_window_and_what_was_before_it_are_everything(numbers: list[float]) -> None:
    window, every = filled(numbers), Sums()
    for value in numbers:
        every.add(value)
    both = window.sums
    both.merge(window.earlier)
    assert both == every
    assert len(window.blocks) <= BLOCKS
    assert window.sums.n == min(len(numbers), window.sums.n)
    assert len(numbers) <= BLOCK * BLOCKS or window.sums.n > BLOCK * (BLOCKS - 1)


@given(values)
def test_a_window_reads_back(numbers: list[float]) -> None:
    window = filled(numbers)
    assert Window.load(window.dump()) == window


def test_a_correction_counts_only_within_the_window() -> None:
    window = filled([1.0] * (BLOCK * (BLOCKS + 1)))
    window.correct(1.0, 0.0, at=0.0)
    assert window.sums.mean == 1.0
    window.correct(1.0, 0.0, at=100.0)
    assert window.sums.mean == 1.0 - 1.0 / window.sums.n
    Window().correct(1.0, 0.0, at=0.0)


def test_the_label_is_that_of_most_blocks() -> None:
    window = Window()
    for index in range(BLOCK * BLOCKS + 1):
        window.add(1.0, float(index), "old" if index < 60 else "new")
    assert window.label == "new"
    assert window.earlier_label == "old"
    assert Window().label is None


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1000), st.text(max_size=3))), st.randoms(use_true_random=False))
def test_the_worst_are_the_worst_in_any_order(samples, rnd) -> None:  # type: ignore[no-untyped-def]
    worst = Worst(5)
    shuffled = list(samples)
    rnd.shuffle(shuffled)
    for value, at, name in shuffled:
        worst.add(value, at, name)
    assert worst.kept == sorted((value, -at, name) for value, at, name in samples)[:5]


def test_samples_are_dropped_and_pruned() -> None:
    worst = Worst(3)
    for index, name in enumerate(("a", "b", "c", "d")):
        worst.add(0.0, float(index), name)
    assert worst.since(0.0) == ("d", "c", "b")
    worst.drop("c")
    worst.prune(3.0)
    assert worst.since(0.0) == ("d",)


def test_one_switch_of_labels_is_told_and_to_and_fro_is_not() -> None:
    window = Window()
    for index in range(BLOCK * 4):
        window.add(1.0, float(index), "a" if index < BLOCK * 2 else "b")
    assert window.switch("a") == window.switch(None) == ("a", "b")
    assert window.switch("b") is None
    assert filled([1.0] * 100).switch("model") is None
