"""Golden cases and sets: fields, identity, clusters and near-duplicates."""

import pytest

from ratchet.prompt import Json
from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.cases import parse_case
from ratchet_evaluation.domain.golden_set import GoldenSet, parent_circle
from ratchet_evaluation.domain.near_duplicates import find_near_duplicates
from tests.support.evaluation import golden_case, golden_set

_REFUSED: list[tuple[dict[str, Json], str]] = [
    ({"input": None}, "input"),
    ({"question": "?"}, "question"),
    ({"evaluators": []}, "evaluators"),
    ({"evaluators": [{"max": 3}]}, "evaluators[0].name"),
    ({"evaluators": ["refusal", "refusal"]}, "evaluators[1]"),
    ({"variables": ["x"]}, "variables"),
    ({"input": {"a": ["\ud800"]}}, "input.a[0]"),
    ({"input": "\0"}, "input"),
    ({"contexts": [{"id": "a"}, {"id": "a"}]}, "contexts[1].id"),
    ({"contexts": [{"title": "a"}]}, "contexts[0].title"),
    ({"id": "two\nlines"}, "id"),
    ({"id": ""}, "id"),
    ({"tags": "billing"}, "tags"),
    ({"tags": ["billing", 3]}, "tags[1]"),
    ({"protected": "yes"}, "protected"),
    ({"parent": 3}, "parent"),
    ({"reference": 3}, "reference"),
    ({"consent": {"training": True}}, "consent.training"),
    ({"consent": {"quality": False}}, "consent.quality"),
]


@pytest.mark.parametrize(("fields", "field"), _REFUSED, ids=[str(fields) for fields, _ in _REFUSED])
def test_wrong_fields_are_named(fields: dict[str, Json], field: str) -> None:
    with pytest.raises(CaseError) as refused:
        golden_case(**fields)
    assert refused.value.field == field


def test_content_is_identity() -> None:
    case = golden_case(id="a", tags=["x"], protected=True, origin="support", consent={"learning": True})
    assert case.digest == golden_case(id="b").digest
    for changed in ({"input": "Other?"}, {"expected": "yes"}, {"contexts": ["a"]}, {"evaluators": ["refusal"]}):
        assert golden_case(**changed).digest != case.digest


def test_a_case_without_an_id_is_named_by_its_digest() -> None:
    case = golden_case()
    assert case.id == case.digest[7:19]


def test_an_app_never_sees_what_is_expected() -> None:
    asked = golden_case(expected="yes", reference="yes", tags=["x"], contexts=["a"]).asked
    assert asked.keys() == {"id", "input", "variables", "contexts"}


def test_default_evaluators_are_for_cases_without() -> None:
    default = golden_case(evaluators=["refusal"]).evaluators
    assert parse_case({"input": "?"}, default).evaluators == default
    assert parse_case({"input": "?", "evaluators": ["format"]}, default).evaluators[0].name == "format"


def test_digest_of_a_set_does_not_depend_on_order_but_on_everything_else() -> None:
    first, second = golden_case(id="a"), golden_case(id="b", input="Other?")
    assert GoldenSet((first, second)).digest == GoldenSet((second, first)).digest
    assert GoldenSet((first,)).digest != GoldenSet((golden_case(id="a", protected=True),)).digest


def test_derived_cases_are_one_cluster() -> None:
    cases = (
        golden_case(id="a"),
        golden_case(id="b", input="b"),
        golden_case(id="a-typo", input="Qestion?", parent="a"),
        golden_case(id="a-typo-short", input="Qestion", parent="a-typo"),
        golden_case(id="x-typo", input="x", parent="x"),
        golden_case(id="x-short", input="y", parent="x"),
    )
    clusters = [[case.id for case in cluster] for cluster in GoldenSet(cases).clusters]
    assert clusters == [["a", "a-typo", "a-typo-short"], ["b"], ["x-typo", "x-short"]]


def test_order_of_a_run_depends_on_contents_and_salt_only() -> None:
    cases = golden_set(20)
    backwards = GoldenSet(cases.cases[::-1])

    def ids(golden: GoldenSet, *salt: str) -> list[str]:
        return [cluster[0].id for cluster in golden.shuffled_clusters(*salt)]

    assert ids(cases, "x") == ids(backwards, "x")
    assert ids(cases, "x") != ids(cases, "y")
    assert ids(cases, "x") != [case.id for case in cases.cases]


def test_circles_of_parents_are_found() -> None:
    pair = (golden_case(id="a", parent="b"), golden_case(id="b", input="b", parent="a"))
    assert parent_circle(pair) in ("a", "b")
    assert parent_circle((golden_case(id="a", parent="a"),)) == "a"
    assert parent_circle((golden_case(id="a", parent="b"), golden_case(id="b", input="b"))) is None


def test_near_duplicates_are_found() -> None:
    text = "My parcel with the order number 4711 has not arrived although it was due last Monday."
    cases = [
        golden_case(id="a", input=text),
        golden_case(id="b", input=text.upper().replace("MONDAY.", "MONDAY!")),
        golden_case(id="c", input="How do I change the address of my account?"),
        golden_case(id="a-short", input=text[:-1], parent="a"),
    ]
    found = find_near_duplicates(cases)
    assert ("a", "b") in [(each.first, each.second) for each in found]
    assert all({each.first, each.second} != {"a", "a-short"} for each in found)
    assert all("c" not in (each.first, each.second) for each in found)
    assert all(0.8 <= each.similarity <= 1.0 for each in found)


def test_short_and_equal_texts_have_no_unbounded_cost() -> None:
    """1,000 cases with the same input, distinct by a variable's digits only."""
    cases = [golden_case(id=str(i), input="Where is my parcel?" * 5, variables={"n": i}) for i in range(1000)]
    assert 0 < len(find_near_duplicates(cases)) < 1000 * 100
