"""Residuals: a mix change has no effect, a drop is not absorbed, and memory stays small."""

import json
import random
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.segments.dimensions import CELLS, Cell
from analyzer.domain.segments.mix_adjustment import SegmentProfile

levels = st.sampled_from(["a", "b", "c"])
values = st.lists(st.tuples(st.tuples(levels, levels), st.floats(0, 1)), max_size=300)
MEANS = {"easy": 0.9, "hard": 0.6}


def make_reference(profile: SegmentProfile) -> None:
    """Make all values so far the reference: their cells are known, their shares are the weights."""
    profile._weights = list(profile._counts)
    profile._extend_reference(everything=True)


def learned(reference: list[tuple[Cell, float]]) -> SegmentProfile:
    profile = SegmentProfile()
    for cell, value in reference:
        profile.learn(cell, value)
    make_reference(profile)
    return profile


def traffic(seed: int, n: int, hard: float, fall: float = 0.0) -> list[tuple[Cell, float]]:
    """Return scores of two segments; the share `hard` is from the hard one."""
    rnd = random.Random(seed)
    drawn = ["hard" if rnd.random() < hard else "easy" for _ in range(n)]
    return [((level,), rnd.betavariate(10 * (MEANS[level] - fall), 10 * (1 - MEANS[level] + fall))) for level in drawn]


def moved(profile: SegmentProfile, former: list[tuple[Cell, float]], later: list[tuple[Cell, float]]) -> float:
    """Return the difference of the mean residuals of two ranges."""
    old = fmean(profile.adjust(cell, value) for cell, value in former)
    return fmean(profile.adjust(cell, value) for cell, value in later) - old


@pytest.mark.parametrize("seed", range(5))
def test_mix_change_has_no_effect(seed: int) -> None:
    profile = learned(traffic(seed, 1000, 0.3))
    later = traffic(seed + 200, 4000, 0.5)
    assert fmean(value for _, value in later) < 0.81 - 0.04
    # The standard error is 0.006: of 500 values before, and of the two reference means.
    assert moved(profile, traffic(seed + 100, 500, 0.3), later) == pytest.approx(0.0, abs=0.024)


@pytest.mark.parametrize("seed", range(5))
def test_drop_hidden_by_the_mix_is_visible_permanently(seed: int) -> None:
    profile = learned(traffic(seed, 1000, 0.5))
    masked = traffic(seed + 200, 4000, 0.2333, fall=0.08)
    assert fmean(value for _, value in masked) == pytest.approx(0.75, abs=0.02)
    first, later = masked[:1000], masked[1000:]
    assert moved(profile, traffic(seed + 100, 500, 0.5), first) == pytest.approx(-0.08, abs=0.03)
    assert fmean(profile.adjust(cell, value) for cell, value in later) == pytest.approx(0.67, abs=0.03)


def test_unknown_level_is_compared_with_the_overall_mean() -> None:
    profile = learned([(("old",), 0.9), (("other",), 0.5)] * 50)
    assert profile.residual(("new",), 0.2) == pytest.approx(0.2)
    for _ in range(300):
        assert profile.adjust(("new",), 0.2) == pytest.approx(0.2)


def test_unknown_level_with_other_levels_known() -> None:
    """A new model is compared with what is known of its route."""
    easy, hard = ("easy", "m1"), ("hard", "m1")
    profile = learned([(easy, 0.9), (easy, 0.8), (hard, 0.5), (hard, 0.4)] * 50)
    assert profile.residual(("hard", "m2"), 0.45) == pytest.approx(0.65, abs=0.02)
    assert profile.residual(("easy", "m2"), 0.65) == pytest.approx(0.45, abs=0.02)


def test_first_reference_closes_by_itself() -> None:
    """The reference is closed at 800 values; a mix change after that does not affect it."""
    profile = SegmentProfile()
    for cell, value in traffic(1, 5000, 0.3):
        profile.learn(cell, value)
    later = traffic(2, 3000, 0.9)
    assert fmean(value for _, value in later) < 0.65
    assert fmean(profile.adjust(cell, value) for cell, value in later) == pytest.approx(0.81, abs=0.02)


@pytest.mark.parametrize("switch", [110, 250, 450, 790, 3000])
def test_switch_is_fully_visible_at_any_time(switch: int) -> None:
    """Also while the first reference is still open, for any duration."""
    rnd, profile = random.Random(4), SegmentProfile()
    residuals = []
    for number in range(switch + 3000):
        route, model = rnd.choice(["a", "b"]), "old" if number < switch else "new"
        fall = 0.1 * (route == "b") + 0.1 * (model == "new")
        residuals.append(profile.adjust((route, model), rnd.gauss(0.8 - fall, 0.05)))
    assert fmean(residuals[switch:]) - fmean(residuals[:switch]) == pytest.approx(-0.1, abs=0.02)
    assert fmean(residuals[-500:]) - fmean(residuals[:switch]) == pytest.approx(-0.1, abs=0.02)


def test_rare_level_is_learned() -> None:
    rnd, profile = random.Random(4), SegmentProfile()
    for _ in range(3000):
        language = "rare" if rnd.random() < 0.02 else rnd.choice(["en", "de"])
        profile.adjust((language,), rnd.gauss(0.4 if language == "rare" else 0.8, 0.05))
    assert profile.residual(("rare",), 0.4) == pytest.approx(0.8, abs=0.05)


def test_values_are_unchanged_without_differences() -> None:
    profile = learned([((), 0.25), ((), 0.75)] * 100)
    assert profile.residual((), 0.3) == 0.3
    assert profile.widened == (0.0, 0.0)
    assert [SegmentProfile().adjust((level,), 0.3) for level in "abc"] == [0.3] * 3


def test_cells_with_few_values_have_less_weight() -> None:
    rnd = random.Random(3)
    values: list[tuple[Cell, float]] = [(("common",), float(rnd.random() < 0.8)) for _ in range(2000)]
    values += [(("also",), float(rnd.random() < 0.6)) for _ in range(2000)]
    profile = learned([*values, *[(("rare",), 0.0)] * 3])
    assert 0.0 < profile.residual(("rare",), 0.0) < 0.7
    assert profile.residual(("also",), 0.0) == pytest.approx(0.1, abs=0.02)


def test_emptied_cell_has_no_mean() -> None:
    """If values of a cell never vary, the sum of effects has no weight, and there must be no division by zero."""
    values = [(("a", "a"), 0.0)] * 4 + [(("a", "c"), 1.0), (("b", "a"), 0.0)]
    profile = SegmentProfile()
    for cell, value in [*values, (("a", "b"), 0.0)]:
        profile.learn(cell, value)
    profile.learn(("a", "b"), 0.0, -1)
    make_reference(profile)
    assert profile.residual(("a", "b"), 0.5) == pytest.approx(0.5)


@given(values, values)
def test_removed_value_leaves_no_trace(kept: list[tuple[Cell, float]], withdrawn: list[tuple[Cell, float]]) -> None:
    plain, corrected = SegmentProfile(), SegmentProfile()
    for cell, value in kept:
        plain.learn(cell, value)
        corrected.learn(cell, value)
    for sign in (1, -1):
        for cell, value in withdrawn:
            corrected.learn(cell, value, sign)
    assert corrected.n == plain.n
    make_reference(plain)
    make_reference(corrected)
    for cell, _ in kept:
        assert corrected.residual(cell, 0.5) == plain.residual(cell, 0.5)


@given(values, values, st.booleans())
def test_saved_profile_continues_identically(
    before: list[tuple[Cell, float]], after: list[tuple[Cell, float]], with_reference: bool
) -> None:
    profile = SegmentProfile()
    for cell, value in before:
        profile.learn(cell, value)
    if with_reference:
        make_reference(profile)
    again = SegmentProfile.load(json.loads(json.dumps(profile.dump())))
    assert again == profile
    assert [again.adjust(*each) for each in after] == [profile.adjust(*each) for each in after]
    assert again == profile


@given(values, st.floats(0, 0.5))
def test_residuals_lie_within_the_widened_scale(reference: list[tuple[Cell, float]], value: float) -> None:
    profile = learned(reference)
    below, above = profile.widened
    for cell in [*(cell for cell, _ in reference), ("a", "unseen")]:
        assert value + below - 1e-9 <= profile.residual(cell, value) <= value + above + 1e-9


def test_memory_is_constant_in_the_number_of_levels() -> None:
    sizes = []
    for users in (100, 10_000):
        rnd, profile = random.Random(1), SegmentProfile()
        for number in range(10_000):
            profile.adjust((rnd.choice("abc"), f"user-{rnd.randrange(users)}"), rnd.random())
            if number == 1000:
                make_reference(profile)
        sizes.append(len(json.dumps(profile.dump())))
        assert len(profile.cells.kept) <= CELLS + 1
    assert sizes[1] < 1.1 * sizes[0]


def test_dimension_with_too_many_levels_does_not_affect_others() -> None:
    """A dimension with a distinct level per value carries no information; routes are still distinguished."""
    rnd = random.Random(2)
    reference = [((rnd.choice(["easy", "hard"]), f"user-{number}"), 0.0) for number in range(3000)]
    profile = learned([(cell, MEANS[str(cell[0])]) for cell, _ in reference])
    assert profile.residual(("easy", "user-x"), 0.9) == pytest.approx(0.75, abs=0.03)
    assert profile.residual(("hard", "user-y"), 0.6) == pytest.approx(0.75, abs=0.03)


def test_learning_cells_does_not_shift_the_level() -> None:
    """Refinement with each doubling does not shift the level of the monitored stream."""
    profile, values = SegmentProfile(), traffic(3, 3200, 0.3)
    residuals = [profile.adjust(cell, value) for cell, value in values]
    parts = [fmean(residuals[start:end]) for start, end in ((50, 400), (400, 800), (800, 1600), (1600, 3200))]
    assert max(parts) - min(parts) < 0.03
    assert fmean(profile.reference().residual(*each) for each in values) == pytest.approx(
        fmean(residuals[800:]), abs=0.01
    )


@pytest.mark.parametrize("hard", [0.1, 0.5])
@pytest.mark.parametrize("better", [0.0, 0.05])
def test_successor_continues_at_the_same_level(hard: float, better: float) -> None:
    """A version is adjusted by its predecessor's profile, its successor by its own: their levels must agree."""
    first = learned(traffic(1, 2000, 0.3))
    baseline, own = first.reference(), first.successor()
    values = traffic(2, 2000, hard, fall=-better)
    watched = []
    for cell, value in values:
        own.learn(cell, value)
        watched.append(baseline.residual(cell, value))
    again = [own.reference().residual(*each) for each in values[:300]]
    assert fmean(again) == pytest.approx(fmean(watched[:300]), abs=0.012)
    assert own.n == 2000


def test_a_reference_is_a_copy() -> None:
    profile = learned([(("a",), 1.0), (("b",), 0.0)] * 50)
    copied = profile.reference()
    for _ in range(1000):
        profile.learn(("a",), 0.0)
    assert copied.n == 100
    assert copied.residual(("a",), 1.0) == pytest.approx(0.5, abs=0.02)
