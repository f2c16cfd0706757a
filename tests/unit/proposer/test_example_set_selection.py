"""Which candidates form an example set: its rules, its value, and how it grows by one candidate at a time."""

from datetime import timedelta
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposer.domain.example_set_selection import MARGIN, select_example_set
from proposer.domain.facility_location import benefits_of, coverage, equal_weights, gains, swap_values, value_of
from proposer.domain.incremental_sets import IncrementalSet
from proposer.domain.pool_entries import PoolEntry, SetLimits
from proposer.domain.question_sample import PER_CONTRIBUTOR, SAMPLED, Questions, QuestionSample
from proposer.domain.set_quality import measure_set
from tests.support.proposer import NOW, entry
from tests.support.soak import scaled

WORDS = ("refund", "card", "login", "invoice", "delivery", "password", "colour", "discount")
LIMITS = SetLimits()
ENTRIES = st.lists(
    st.builds(
        lambda number, words, user, quality, eligible, reviewed, trusted, tokens: entry(
            number,
            " ".join(words),
            contributor=user if trusted else None,
            quality=quality,
            needs_no_decision=eligible and trusted,
            reviewed=reviewed and trusted,
            trusted=trusted,
            tokens=tokens,
        ),
        st.integers(0, 10_000),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=4),
        st.sampled_from([*(f"user-{n}" for n in range(12)), None]),
        st.sampled_from([0.875, 1.0]),
        st.booleans(),
        st.booleans(),
        st.sampled_from([True, True, True, False]),
        st.sampled_from([10, 900, 3_000]),
    ),
    unique_by=lambda it: it.feedback_id,
    max_size=25,
)


def selected(pool: list[PoolEntry], limits: SetLimits = LIMITS) -> tuple[PoolEntry, ...]:
    return select_example_set(pool, Questions.of_entries(QuestionSample(pool).entries), limits)


def matrix(seed: int) -> tuple[Any, Any]:
    """Return random benefits of 8 examples for 12 questions, and their weights."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(20, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    weights = equal_weights(rng.integers(0, 5, 12).tolist())
    return benefits_of(vectors[:8], rng.uniform(0.75, 1, 8).tolist(), vectors[8:]), weights


@given(st.integers(0, 10**6), st.sets(st.integers(0, 6)), st.sets(st.integers(0, 6)))
def test_value_is_monotone_and_submodular(seed: int, fewer: set[int], more: set[int]) -> None:
    benefits, weights = matrix(seed)
    small, large = coverage(benefits, sorted(fewer), 12), coverage(benefits, sorted(fewer | more), 12)
    assert weights.sum() == pytest.approx(1)
    assert value_of(large, weights) >= value_of(small, weights) - 1e-6
    assert gains(benefits, small, weights)[7] >= gains(benefits, large, weights)[7] - 1e-6
    assert gains(benefits, small, weights)[7] == pytest.approx(
        value_of(coverage(benefits, [*sorted(fewer), 7], 12), weights) - value_of(small, weights), abs=1e-5
    )


@given(st.integers(0, 10**6))
def test_value_of_a_swap_is_that_of_the_swapped_set(seed: int) -> None:
    benefits, weights = matrix(seed)
    found = swap_values(benefits[:3], benefits[7], weights)
    swapped = [value_of(coverage(benefits, [*{0, 1, 2} - {n}, 7], 12), weights) for n in range(3)]
    assert found.tolist() == pytest.approx(swapped, abs=1e-5)


@given(st.integers(0, 10**6))
def test_greedy_reaches_its_share_of_the_best_set(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pool = [entry(n, " ".join(rng.choice(WORDS, 3))) for n in range(9)]
    questions = Questions.of_entries(pool)
    best = max(questions.value(members) for members in combinations(pool, 3))
    limits = SetLimits(max_examples=3, near_duplicate=2.0)
    distinct = [it for n, it in enumerate(pool) if it.input_key not in {o.input_key for o in pool[:n]}]
    chosen = select_example_set(distinct, questions, limits)
    assert questions.value(chosen) >= (1 - 1 / np.e) * best - 1e-6


@given(ENTRIES)
def test_set_keeps_its_rules(pool: list[PoolEntry]) -> None:
    chosen = selected(pool)
    assert len(chosen) <= LIMITS.max_examples
    assert len({it.input_key for it in chosen}) == len({it.contributor for it in chosen}) == len(chosen)
    assert all(a.vector @ b.vector < LIMITS.near_duplicate for a, b in combinations(chosen, 2))
    assert sum(it.tokens for it in chosen) <= LIMITS.max_tokens
    assert selected(pool[::-1]) == chosen, "the order of arrival does not matter"
    assert [it.reviewed for it in chosen] == sorted((it.reviewed for it in chosen), reverse=True)


def test_half_of_the_places_are_for_reviewed_answers() -> None:
    liked = [entry(n, f"{word} please") for n, word in enumerate(WORDS)]
    corrected = [
        entry(20 + n, f"{word} {word[::-1]}", reviewed=True, needs_no_decision=False) for n, word in enumerate(WORDS)
    ]
    assert sum(it.reviewed for it in selected([*liked, *corrected])) >= 3
    assert sum(it.reviewed for it in selected([*liked, corrected[0]])) == 1
    assert len(selected(liked)) == 5


def test_public_feedback_fills_only_a_free_place() -> None:
    public = [entry(100 + n, f"{word}?", contributor=None, trusted=False, needs_no_decision=False)
              for n, word in enumerate(WORDS)]  # fmt: skip
    honest = [entry(n, f"{word} please") for n, word in enumerate(WORDS)]
    assert set(selected([*public, *honest])) == set(selected(honest))
    assert len(selected([*public, *honest[:2]])) == 3


def test_near_duplicates_and_long_examples_are_left_out() -> None:
    asked = "How do I get a refund for my last invoice of this year"
    assert len(selected([entry(1, asked), entry(2, asked + "!"), entry(3, "Where is my card?")])) == 2
    long = entry(4, "password", tokens=LIMITS.max_tokens + 1)
    assert selected([long, entry(1, asked)]) == (selected([entry(1, asked)])[0],) or len(selected([long])) == 0


def test_set_spreads_over_the_topics_of_users() -> None:
    pool = [entry(n, f"Where is my card number {n} please") for n in range(30)]
    pool += [entry(50 + n, f"{word}: what now, {word}?") for n, word in enumerate(("refund", "login", "invoice"))]
    assert {it.feedback_id for it in pool[30:]} <= {it.feedback_id for it in selected(pool)}


@given(ENTRIES)
def test_incremental_set_is_nearly_as_good_as_a_new_one(pool: list[PoolEntry]) -> None:
    growing = IncrementalSet((), LIMITS)
    for it in pool:
        growing.add(it)
    fresh = select_example_set(growing.pool, growing.questions, LIMITS)
    assert growing.questions.value(growing.members) * MARGIN >= growing.questions.value(fresh) - 1e-6 or sum(
        it.reviewed for it in growing.members
    ) > sum(it.reviewed for it in fresh)
    assert growing.members == select_example_set(growing.members, growing.questions, LIMITS, growing.members)


def test_large_pool_changes_rarely_and_stays_good() -> None:
    rng = np.random.default_rng(5)
    pool = [
        entry(n, " ".join(rng.choice(WORDS, 4)), quality=rng.choice([0.875, 1.0]))
        for n in range(scaled(400, 400, unit=120))
    ]
    growing, changes = IncrementalSet((), LIMITS), 0
    for it in pool:
        changes += growing.add(it)
    best = select_example_set(pool, growing.questions, LIMITS)
    assert growing.questions.value(growing.members) >= 0.95 * growing.questions.value(best)
    assert changes < 60


def test_many_thumbs_of_a_user_change_nothing() -> None:
    rng = np.random.default_rng(6)
    growing = IncrementalSet([entry(n, " ".join(rng.choice(WORDS, 4))) for n in range(200)], LIMITS)
    before = growing.members
    for n in range(scaled(1_000, 1_000, unit=150)):
        growing.add(entry(1_000 + n, f"{' '.join(rng.choice(WORDS, 4))} {n}", contributor="user-0"))
    assert growing.members == before
    assert sum(it.contributor == "user-0" for it in growing.pool) <= PER_CONTRIBUTOR + 1


def test_sample_is_the_same_in_any_order() -> None:
    base = entry(0).vector
    pool = [
        PoolEntry(it.feedback_id, f"{n * 7919 % 3001:05}", f"user-{n % 90}", 1.0, True, False, True, 1,
                  NOW + timedelta(seconds=n), base)
        for n, it in enumerate([entry(0)] * 2_500)
    ]  # fmt: skip
    forward, backward = QuestionSample(pool), QuestionSample(pool[::-1])
    assert [it.input_key for it in forward.entries] == [it.input_key for it in backward.entries]
    assert len(forward.entries) == SAMPLED


def test_measures_of_a_set() -> None:
    pool = [entry(n, f"Where is my card number {n}") for n in range(3)] + [entry(9, "password forgotten")]
    measure = measure_set((pool[0], pool[3]), Questions.of_entries(pool))
    assert [example.represents for example in measure.examples] == [0.75, 0.25]
    assert measure.representativeness is not None
    assert measure.representativeness > 0.8
    assert measure.diversity is not None
    assert measure.diversity > 0.7
    single = measure_set(pool[:1], Questions.of_entries(pool))
    assert (single.diversity, single.examples[0].diversity) == (None, None)
    assert measure_set((), Questions.of_entries(())).representativeness is None
