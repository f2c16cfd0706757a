"""Which feedback makes an example, which speaks against one, and which five are the set."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proposer.candidates import MOST, MOST_PER_USER, WINDOW, choose, could_enter, judged, latest, sift
from proposer.model import Candidate, Objection
from shared.events import derived_id
from shared.events.feedback import Consent, PromptUse
from tests.support.proposing import NOW, candidate, execution, feedback, instead_of

CANDIDATES = st.lists(
    st.builds(
        lambda number, score, asked, user, minutes: candidate(
            number, score=score, input=asked, user=user, occurred_at=NOW - timedelta(minutes=minutes)
        ),
        st.integers(0, 10_000),
        st.sampled_from([0.75, 0.9, 1.0]),
        st.sampled_from([f"Question {n}?" for n in range(8)]),
        st.sampled_from(["ada", "bob", "eve", None]),
        st.integers(0, 60),
    ),
    unique_by=lambda c: c.feedback_id,
    max_size=30,
)


@pytest.mark.parametrize(
    "given_as",
    [
        {"kind": "thumb", "value": 1.0},
        {"kind": "rating", "value": 4.0},
        {"kind": "label", "value": None, "label": "Correct"},
        {"kind": "label", "value": None, "label": " helpful "},
        {"kind": "label", "value": None, "label": "positive"},
    ],
)
def test_positive_feedback_with_consent_makes_a_candidate(given_as: dict[str, Any]) -> None:
    found = sift(feedback(1, **given_as), NOW)
    assert found.objection is None
    (made,) = found.candidates
    assert made == candidate(1, score=judged(**{"value": None, "label": None, **given_as}))


@pytest.mark.parametrize(
    "fields",
    [
        {"value": 0.0},
        {"kind": "rating", "value": 3.9},
        {"kind": "label", "value": None, "label": "interesting"},
        {"kind": "score", "value": 1.0},
        {"kind": "comment", "value": None, "text": "Great!"},
        {"consent": Consent()},
        {"consent": Consent(learning=False)},
        {"execution": execution(1, consent=Consent(learning=False))},
        {"source": "implicit"},
        {"execution": None},
        {"execution": execution(1, input=None)},
        {"execution": execution(1, input=" \u200b")},
        {"execution": execution(1, output=None)},
        {"execution": execution(1, prompts=())},
        {"occurred_at": NOW - WINDOW - timedelta(seconds=1)},
    ],
    ids=repr,
)
def test_other_feedback_does_not(fields: dict[str, Any]) -> None:
    assert sift(feedback(1, **fields), NOW).candidates == ()


def test_consent_may_be_the_executions() -> None:
    agreed = execution(1, consent=Consent(learning=True))
    assert sift(feedback(1, consent=Consent(), execution=agreed), NOW).candidates


def test_a_correction_gives_the_corrected_text_and_objects_to_the_answer() -> None:
    found = sift(feedback(1, kind="correction", value=None, text="Answer 1, better."), NOW)
    assert found.candidates == (candidate(1, output="Answer 1, better."),)
    assert found.objection == Objection("acme", "production", "e1", feedback(1).feedback_id, feedback(1).received_at)


def test_each_prompt_of_an_execution_gets_the_candidate() -> None:
    uses = (PromptUse(name="answer", digest="sha256:a"), PromptUse(name="system"))
    found = sift(feedback(1, execution=execution(1, prompts=uses)), NOW)
    assert [(c.key.name, c.digest) for c in found.candidates] == [("answer", "sha256:a"), ("system", None)]


@pytest.mark.parametrize(
    ("fields", "objects"),
    [
        ({"value": 0.0}, True),
        ({"kind": "rating", "value": 2.0}, True),
        ({"kind": "rating", "value": 3.0}, False),
        ({"kind": "label", "value": None, "label": "not_helpful"}, True),
        ({"kind": "rating", "value": 3.0, "replaces": instead_of(0, value=5.0)}, True),
        ({"kind": "rating", "value": 3.0, "replaces": instead_of(0, value=3.0)}, False),
        ({"value": 1.0, "replaces": instead_of(0, value=1.0)}, True),
        ({"kind": "comment", "value": None, "text": "No."}, False),
    ],
)
def test_what_speaks_against_an_example(fields: dict[str, Any], objects: bool) -> None:
    assert (sift(feedback(1, **fields), NOW).objection is not None) is objects


@given(CANDIDATES)
def test_a_set_is_small_fair_and_without_repeats(pool: list[Candidate]) -> None:
    chosen = choose(pool)
    assert len(chosen) <= MOST
    assert len({c.input_key for c in chosen}) == len(chosen)
    users = Counter(c.user for c in chosen if c.user)
    assert all(count <= MOST_PER_USER for count in users.values())
    assert list(chosen) == sorted(chosen, key=lambda c: c.rank)
    assert choose(reversed(pool)) == chosen, "the order of arrival does not matter"
    assert choose(chosen) == chosen


@given(CANDIDATES, CANDIDATES)
def test_who_could_not_enter_changes_nothing(pool: list[Candidate], late: list[Candidate]) -> None:
    chosen = choose(pool)
    bar = chosen[-1] if len(chosen) == MOST else None
    useless = [c for c in late if not could_enter(c, bar)]
    assert choose([*pool, *useless]) == chosen


def test_a_full_set_is_not_changed_by_a_tie_but_by_something_better() -> None:
    full = [candidate(n, score=0.9) for n in range(MOST)]
    assert choose([*full, candidate(9, score=0.9)]) == tuple(full)
    assert choose([*full, candidate(9, score=1.0)])[0] == candidate(9, score=1.0)


def test_the_last_objection_to_an_execution_counts() -> None:
    early = Objection("acme", "production", "e1", derived_id("1"), NOW)
    late = Objection("acme", "production", "e1", derived_id("2"), NOW + timedelta(seconds=1))
    other = Objection("acme", "production", "e2", derived_id("3"), NOW)
    assert set(latest([late, other, early])) == {late, other}
