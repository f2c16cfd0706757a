"""The window of recent values moves by blocks and stays small."""

import json

from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.streams.samples import BLOCK, BLOCKS, RecentValues, ThinnedSample, WorstSample
from analyzer.domain.streams.sums import Sums

values = st.lists(st.floats(0, 1), max_size=600)


def filled(numbers: list[float]) -> RecentValues:
    window = RecentValues()
    for index, value in enumerate(numbers):
        window.add(value, float(index))
    return window


@given(values)
def test_window_contains_the_latest_values(numbers: list[float]) -> None:
    window, latest = filled(numbers), Sums()
    for value in numbers[len(numbers) - window.sums.n :]:
        latest.add(value)
    assert window.sums == latest
    assert len(window.blocks) <= BLOCKS
    assert window.sums.n == len(numbers) if len(numbers) <= BLOCK * BLOCKS else window.sums.n > BLOCK * (BLOCKS - 1)


@given(values)
def test_window_survives_saving_and_loading(numbers: list[float]) -> None:
    window = filled(numbers)
    assert RecentValues.load(window.dump()) == window


def test_a_correction_counts_only_within_the_window() -> None:
    window = filled([1.0] * (BLOCK * (BLOCKS + 1)))
    window.correct(1.0, 0.0, at=0.0)
    assert window.sums.mean == 1.0
    window.correct(1.0, 0.0, at=100.0)
    assert window.sums.mean == 1.0 - 1.0 / window.sums.n
    RecentValues().correct(1.0, 0.0, at=0.0)


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1000), st.text(max_size=3))), st.randoms(use_true_random=False))
def test_worst_values_do_not_depend_on_the_order(samples, rnd) -> None:  # type: ignore[no-untyped-def]
    worst = WorstSample(5)
    shuffled = list(samples)
    rnd.shuffle(shuffled)
    for value, at, name in shuffled:
        worst.add(value, at, name)
    assert worst.kept == sorted((value, -at, name) for value, at, name in samples)[:5]


def test_samples_are_dropped_and_pruned() -> None:
    worst = WorstSample(3)
    for index, name in enumerate(("a", "b", "c", "d")):
        worst.add(0.0, float(index), name)
    assert worst.since(0.0) == ("d", "c", "b")
    worst.drop("c")
    worst.prune(3.0)
    assert worst.since(0.0) == ("d",)


def test_history_is_thinned_to_a_constant_size() -> None:
    sample = ThinnedSample()
    for number in range(1, 20_001):
        sample.add(float(number), f"e{number}")
        assert len(sample.kept) <= 60
    assert sample.before(20_001.0, 6) == tuple(f"e{20_000 - back}" for back in range(6))
    for back, known in ((50, 20), (500, 10), (1500, 5)):
        assert len(sample.before(20_000.0 - back, 20)) >= known
    assert sample.before(1.0, 20) == ()
    assert ThinnedSample.load(json.loads(json.dumps(sample.dump()))) == sample


def test_removed_value_is_no_longer_kept() -> None:
    sample = ThinnedSample()
    for number in range(1, 9):
        sample.add(float(number), f"e{number}")
    sample.drop("e8")
    assert sample.before(9.0, 20)[:2] == ("e7", "e6")
