"""Augmented cases: other words, the same evaluation, and never an independent case."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_evaluation.domain.augmentation import KINDS, augment_case, augment_cases
from ratchet_evaluation.domain.contamination import exclude_contaminated
from ratchet_evaluation.domain.golden_set import GoldenSet
from tests.support.evaluation import golden_case

ASKED = "My lamp arrived broken. Can I return it? Order 4711."


def asked(kind: Any, **fields: Any) -> str | None:
    found = augment_case(golden_case(**{"input": ASKED, **fields}), kind)
    return None if found is None else str(found.input)


def test_each_kind_writes_the_same_otherwise() -> None:
    assert asked("paraphrase") == "my lamp arrived broken can i return it order 4711"
    assert asked("reorder") in ("Can I return it? Order 4711. My lamp arrived broken.",
                                "Order 4711. My lamp arrived broken. Can I return it?")  # fmt: skip
    typo = asked("typo")
    assert typo is not None
    assert typo != ASKED
    assert typo.endswith("4711."), "numbers stay"
    assert abs(len(typo) - len(ASKED)) <= 2


@pytest.mark.parametrize("text", ["Можно ли вернуть лампу? Она сломана.", "ランプは返品できますか？壊れています。"])
def test_no_language_is_assumed(text: str) -> None:
    reordered = asked("reorder", input=text)
    assert reordered is not None
    assert sorted(reordered.replace(" ", "")) == sorted(text.replace(" ", ""))


def test_variable_is_changed_where_there_is_no_input() -> None:
    found = augment_case(golden_case(input=None, variables={"lang": "en", "question": ASKED}), "paraphrase")
    assert found is not None
    assert found.variables == {"lang": "en", "question": "my lamp arrived broken can i return it order 4711"}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [("reorder", {"input": "One sentence only."}), ("typo", {"input": "is it 42?"}), ("typo", {"input": {"a": 1}}),
     ("paraphrase", {"input": "lower case"})],
)  # fmt: skip
def test_nothing_is_made_where_nothing_changes(kind: Any, fields: dict[str, Any]) -> None:
    assert asked(kind, **fields) is None


def test_it_is_evaluated_as_its_parent_and_not_protected() -> None:
    case = golden_case(id="c", input=ASKED, tags=["returns"], protected=True, user=f"k1:{'0' * 32}")
    found = augment_case(case, "typo")
    assert found is not None
    assert (found.id, found.parent, found.protected, found.user) == ("c~typo", "c", False, case.user)
    assert found.tags == ("returns", "augmented", "augmented:typo")
    assert (found.evaluators, found.expected) == (case.evaluators, case.expected)
    assert augment_case(case, "typo") == found
    assert list(augment_cases([found], KINDS)) == [], "no variants of variants"


@given(st.integers(1, 12), st.sets(st.sampled_from(KINDS), min_size=1), st.data())
def test_augmented_cases_never_count_alone(count: int, kinds: set[Any], data: st.DataObject) -> None:
    cases = [golden_case(id=f"c{i}", input=f"{ASKED} {i * 7919} times.", origin=f"e-{i}") for i in range(count)]
    augmented = list(augment_cases(cases, sorted(kinds)))
    published = [case for case in cases if data.draw(st.booleans())] + augmented
    whole = GoldenSet(tuple(published))
    assert len(whole.clusters) <= count
    assert len(GoldenSet((*cases, *augmented)).clusters) == count
    made_from = data.draw(st.sets(st.integers(0, count - 1)))
    unpublished = [case for case in cases if case not in published]
    clean = exclude_contaminated(whole, [f"e-{i}" for i in made_from], unpublished)
    seen = {f"c{i}" for i in made_from}
    assert not {case.parent or case.id for case in clean.kept.cases} & seen


def test_golden_sets_without_texts_have_no_variants() -> None:
    assert list(augment_cases([golden_case(input={"order": 1})], KINDS)) == []
