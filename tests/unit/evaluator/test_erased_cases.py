"""Which golden cases an erasure reaches."""

import pytest

from evaluator.domain.case_addition import SentCase, select_new_cases
from evaluator.domain.erased_cases import erased_case_ids, reference_key, tombstones_of
from shared.events.base import execution_reference
from tests.support.evaluation import golden_case

E17 = reference_key(execution_reference("acme", "production", "e-17"))


@pytest.mark.parametrize(
    "origin",
    [
        "e-17",
        "execution:e-17",
        "https://ratchet.example/executions/e-17",
        "https://ratchet.example/executions/e-17?tab=feedback",
        "https://ratchet.example/executions/e%2D17#input",
        "from chat e-17",
    ],
)
def test_origin_names_an_execution(origin: str) -> None:
    assert E17 in set(tombstones_of(origin, None, "acme", ["staging", "production"]))
    assert E17 not in set(tombstones_of(origin, None, "another", ["production"]))
    assert E17 not in set(tombstones_of(origin, None, "acme", ["staging"]))


@pytest.mark.parametrize("origin", ["ae-17", "x-e-17", "e-17b", "e-1", "", None])
def test_id_within_a_longer_one_is_another_execution(origin: str | None) -> None:
    assert E17 not in set(tombstones_of(origin, None, "acme", ["production"]))


def test_user_of_a_case_bars_it_in_every_environment() -> None:
    assert list(tombstones_of(None, "k1:ab", "acme", [])) == ["acme/k1:ab"]


def test_cases_that_derive_from_an_erased_one_are_erased() -> None:
    parents = {"a": None, "b": "a", "c": "b", "d": None, "e": "missing"}
    cases = [golden_case(id=name, input=name, parent=parent) for name, parent in parents.items()]
    assert erased_case_ids(cases, {"a", "unknown"}) == {"a", "b", "c"}
    assert erased_case_ids(cases, set()) == set()


def test_cases_of_an_erased_user_are_not_added() -> None:
    made, own, other = ({"input": name, "evaluators": ["contains"], "expected": "x"} for name in "abc")
    sent = [SentCase(1, made | {"origin": "e-17"}), SentCase(2, own | {"user": "k1:ab"}), SentCase(3, other)]
    addition = select_new_cases([], sent, lambda case: case.origin is not None or case.user is not None)
    assert [(problem.line, problem.field) for problem in addition.problems] == [(1, "origin"), (2, "user")]
    assert [case.input for case in addition.cases] == ["c"]
