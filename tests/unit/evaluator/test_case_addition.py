"""Which sent cases are added: repeated and invalid ones are not, and nothing that a dataset has is changed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.domain import case_addition
from evaluator.domain.case_addition import Addition, CaseProblem, SentCase, select_new_cases
from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.cases import GoldenCase, parse_case
from ratchet_evaluation.domain.golden_set import GoldenSet, parent_circle
from tests.support.datasets import sent_case

LONG = "How many days may a customer keep a pair of shoes before it has to be sent back to the shop"


def select(known: list[GoldenCase], *values: object) -> Addition:
    return select_new_cases(known, [SentCase(line, value) for line, value in enumerate(values, 1)])


def known_cases(*numbers: int) -> list[GoldenCase]:
    return [parse_case(sent_case(number)) for number in numbers]


def test_new_cases_are_added_and_known_ones_counted() -> None:
    found = select(known_cases(1, 2), sent_case(2), sent_case(3), sent_case(3), sent_case(1))
    assert [case.id for case in found.cases] == ["case-3"]
    assert (found.repeated, found.problems) == (3, ())


def test_the_consent_of_the_user_is_respected() -> None:
    refused = sent_case(1, consent={"quality": False, "learning": True})
    found = select([], refused, sent_case(2, consent={"quality": True, "learning": False}))
    assert [case.id for case in found.cases] == ["case-2"]
    assert [(it.line, it.field) for it in found.problems] == [(1, "consent.quality")]


@pytest.mark.parametrize(
    ("sent", "field"),
    [
        (CaseError("", "is no JSON"), "case"),
        ([], "case"),
        ({"evaluators": ["contains"]}, "input"),
        ({"input": "a", "evaluators": []}, "evaluators"),
        ({"input": "a", "evaluators": ["nothing"]}, "evaluators[0].name"),
        ({"input": "a", "evaluators": [{"name": "contains", "values": 3}]}, "evaluators[0].values"),
        (sent_case(3, colour="red"), "colour"),
        (sent_case(1, input="another text"), "id"),
        (sent_case(1, id="another"), "case"),
        (sent_case(3, parent="case-3"), "parent"),
    ],
)
def test_an_invalid_case_is_named_by_line_and_field(sent: object, field: str) -> None:
    found = select(known_cases(1), sent_case(2), sent)
    assert [case.id for case in found.cases] == ["case-2"]
    assert [(it.line, it.field) for it in found.problems] == [(2, field)]


def test_a_circle_of_parents_is_refused_at_its_last_case() -> None:
    first, second, third = (sent_case(n, parent=f"case-{n % 3 + 1}") for n in (1, 2, 3))
    found = select([], first, second, third)
    assert [case.id for case in found.cases] == ["case-1", "case-2"]
    assert found.problems == (CaseProblem(3, "parent", "is derived from this case"),)


def test_a_dataset_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_addition, "MAX_CASES", 2)
    found = select(known_cases(1), sent_case(2), sent_case(3), sent_case(1))
    assert ([case.id for case in found.cases], found.repeated) == (["case-2"], 1)
    assert [it.line for it in found.problems] == [2]


def test_near_duplicates_are_of_added_cases_and_the_most_similar_of_many() -> None:
    known = [parse_case(sent_case(n, input=f"{LONG}{'!' * n}")) for n in range(8)]
    found = select(known, sent_case(9, input=f"{LONG}?"), sent_case(10))
    assert {pair.second for pair in found.near_duplicates} == {"case-9"}
    similarities = [pair.similarity for pair in found.near_duplicates]
    assert len(similarities) == case_addition.MAX_PAIRS
    assert similarities == sorted(similarities, reverse=True)
    assert "case-0" in {pair.first for pair in found.near_duplicates}


_SENT = st.lists(
    st.one_of(
        st.builds(
            sent_case,
            st.integers(0, 6),
            parent=st.none() | st.integers(0, 6).map("case-{}".format),
            tags=st.sampled_from(([], ["a"])),
            input=st.sampled_from(("x" * 30, "y" * 30, 5)),
        ),
        st.sampled_from((None, 3, {}, {"input": "a"})),
    ),
    max_size=12,
)


@given(_SENT, st.integers(0, 12))
def test_any_cases_in_any_parts_make_a_valid_set(sent: list[Any], cut: int) -> None:
    """Whatever is sent, in one request or in two, ids and contents stay unique and no case is derived from itself."""
    whole = select([], *sent)
    first = select([], *sent[:cut])
    second = select(list(first.cases), *sent[cut:])
    assert (*first.cases, *second.cases) == whole.cases
    assert len(whole.cases) + whole.repeated + len(whole.problems) == len(sent)
    assert len({case.id for case in whole.cases}) == len({case.digest for case in whole.cases}) == len(whole.cases)
    assert parent_circle(whole.cases) is None
    assert sum(map(len, GoldenSet(whole.cases).clusters)) == len(whole.cases)
