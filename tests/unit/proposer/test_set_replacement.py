"""When a selected example set replaces the one of an open proposal."""

import math
from dataclasses import replace
from datetime import timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from proposer.domain.incremental_sets import IncrementalSet
from proposer.domain.pool_entries import PoolEntry, SetLimits
from proposer.domain.question_sample import Questions
from proposer.domain.set_replacement import PENDING_GAIN, SETTLED_GAIN, ProposedSet, replaces
from tests.support.proposer import NOW, entry

WORDS = ("refund", "card", "login", "invoice", "delivery", "password", "colour", "discount")
ENTRIES = st.lists(
    st.builds(
        lambda number, words, eligible: entry(number, " ".join(words), needs_no_decision=eligible),
        st.integers(0, 10_000),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=4),
        st.booleans(),
    ),
    unique_by=lambda it: it.feedback_id,
    min_size=1,
    max_size=5,
)


def proposed(*members: PoolEntry, settled: bool = False, wanted: int = 1) -> ProposedSet:
    return ProposedSet(members, len(members), settled, wanted)


def about(topic: str, first: int, count: int) -> list[PoolEntry]:
    return [entry(n, f"{topic} {WORDS[n % 8]} {WORDS[n % 7]} {n}") for n in range(first, first + count)]


@given(ENTRIES, ENTRIES, st.booleans())
def test_set_with_an_example_that_may_not_be_one_is_always_replaced(
    selected: list[PoolEntry], members: list[PoolEntry], settled: bool
) -> None:
    questions = Questions.of_entries([*selected, *members])
    assert replaces(selected, ProposedSet(tuple(members[1:]), len(members), settled, 1), questions, NOW)


@given(ENTRIES, ENTRIES)
def test_what_replaces_a_set_without_a_verdict_replaces_one_with(
    selected: list[PoolEntry], members: list[PoolEntry]
) -> None:
    questions = Questions.of_entries([*selected, *members])
    if replaces(selected, proposed(*members), questions, NOW):
        assert replaces(selected, proposed(*members, settled=True), questions, NOW)


@given(ENTRIES, ENTRIES, st.booleans())
def test_sets_never_replace_each_other_in_turn(first: list[PoolEntry], other: list[PoolEntry], settled: bool) -> None:
    questions = Questions.of_entries([*first, *other])
    there = replaces(first, proposed(*other, settled=settled), questions, NOW)
    back = replaces(other, proposed(*first, settled=settled), questions, NOW)
    assert not (there and back and len(first) == len(other)
                and all(it.needs_no_decision for it in (*first, *other)))  # fmt: skip


@given(ENTRIES, ENTRIES, st.booleans())
def test_value_that_is_no_larger_replaces_only_by_growth_or_for_a_grant(
    selected: list[PoolEntry], members: list[PoolEntry], settled: bool
) -> None:
    questions = Questions.of_entries([*selected, *members])
    assume(questions.value(selected) <= questions.value(members) and len(selected) < 2 * len(members))
    for_a_grant = all(it.needs_no_decision for it in selected) and not all(it.needs_no_decision for it in members)
    assert replaces(selected, proposed(*members, settled=settled), questions, NOW) is for_a_grant


@given(ENTRIES, ENTRIES)
def test_value_that_is_larger_by_the_stated_factor_replaces(
    selected: list[PoolEntry], members: list[PoolEntry]
) -> None:
    questions = Questions.of_entries([*selected, *members])
    value, before = questions.value(selected), questions.value(members)
    assume(value > before)
    for settled, factor in ((False, PENDING_GAIN), (True, SETTLED_GAIN)):
        if value >= before * factor:
            assert replaces(selected, proposed(*members, settled=settled), questions, NOW)


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=40), st.randoms(use_true_random=False))
def test_few_proposals_follow_each_other_while_answers_come_in(topics: list[str], random: object) -> None:
    """On the same questions, the number of replacements is bounded by the values, whatever comes in which order."""
    pool = [entry(n, f"{topic} {WORDS[n % 8]} {WORDS[n % 7]}") for n, topic in enumerate(topics)]
    questions = Questions.of_entries(pool)
    example_set = IncrementalSet((), SetLimits())
    current: ProposedSet | None = None
    values = []
    for new in pool:
        example_set.add(new)
        if example_set.members and (current is None or replaces(example_set.members, current, questions, NOW)):
            current = proposed(*example_set.members)
            values.append(questions.value(current.members))
    bound = 1 + math.log2(SetLimits().max_examples) + math.log(1 / max(values[0], 1e-6)) / math.log(PENDING_GAIN)
    assert len(values) <= math.ceil(bound)


def test_better_set_with_other_examples_replaces_once_there_is_a_verdict() -> None:
    members, others = about("refund", 0, 4), about("login", 20, 4)
    questions = Questions.of_entries([*members, *others, *about("login", 40, 1)])
    better = [*members[:2], *others[:2]]
    mean = questions.value(better) / questions.value(members)
    assert 1.0 < mean < PENDING_GAIN
    assert not replaces(better, proposed(*members), questions, NOW)
    assert replaces(better, proposed(*members, settled=True), questions, NOW)
    assert replaces(better, replace(proposed(*members), size=5), questions, NOW)


@given(ENTRIES, ENTRIES, st.booleans(), st.integers(1, 5))
def test_a_set_that_grows_replaces_a_smaller_one_once_it_is_complete_or_stays_as_it_is(
    first: list[PoolEntry], second: list[PoolEntry], settled: bool, wanted: int
) -> None:
    members, selected = sorted((first, second), key=len)
    assume(len(selected) > len(members))
    members = [replace(it, needs_no_decision=True) for it in members]
    questions = Questions.of_entries([*selected, *members])
    growing = proposed(*members, settled=settled, wanted=wanted)
    received = max(it.received_at for it in selected)
    complete = replaces(selected, replace(growing, wanted=1), questions, received)
    for quiet_for in (timedelta(seconds=30), timedelta(minutes=5)):
        before = received + quiet_for - timedelta(microseconds=1)
        there = replaces(selected, growing, questions, before, quiet_for)
        assert there is (complete and len(selected) >= wanted)
        assert replaces(selected, growing, questions, received + quiet_for, quiet_for) is complete
