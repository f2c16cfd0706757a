"""Evaluators against values computed by hand or by their definition's source."""

import math

import pytest

from ratchet.prompt import Json
from ratchet_evaluation.domain.answers import AppAnswer, CalledTool, Failure
from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.evaluators import bounded_regex
from ratchet_evaluation.domain.evaluators.catalog import CATALOG
from ratchet_evaluation.domain.evaluators.retrieval import ndcg, recall, reciprocal_rank
from ratchet_evaluation.domain.evaluators.tool_calls import tool_call_accuracy, tool_call_f1
from tests.support.evaluation import called, golden_case, retrieved, score

_LONDON: Json = {"city": "London", "days": 2}


@pytest.mark.parametrize(
    ("name", "output", "parameters", "expected", "passed"),
    [
        ("exact", "Yes,  it\nis ", {}, "Yes, it is", True),
        ("exact", "yes", {}, "Yes", False),
        ("exact", "yes", {"ignore_case": True}, "Yes", True),
        ("exact", "cafe\u0301", {}, "café", True),
        ("exact", '{"b": 1.0, "a": [2]}', {}, {"a": [2], "b": 1}, True),
        ("exact", "1", {}, True, False),
        ("contains", "It costs 12 €", {"values": ["12", "€"]}, None, True),
        ("contains", "It costs 12 €", {"values": ["12", "$"]}, None, False),
        ("contains", "It costs 12 €", {"values": ["12", "$"], "any": True}, None, True),
        ("contains", "It costs 12 €", {}, "costs 12", True),
        ("regex", "Order 4711 is on its way", {"pattern": r"\b\d{4}\b"}, None, True),
        ("regex", "Order 4711", {"pattern": r"\d{4}", "full": True}, None, False),
        ("regex", "Order 4711", {"pattern": r"\d{4}", "absent": True}, None, False),
        ("length", "abcde", {"min": 2, "max": 5}, None, True),
        ("word_count", "one two three", {"max": 2}, None, False),
        ("format", "2026-02-29", {"format": "date"}, None, False),
        ("format", "2028-02-29", {"format": "date"}, None, True),
        ("format", "nan", {"format": "number"}, None, False),
        ("format", " 1e3\n", {"format": "number"}, None, True),
        ("format", '{"a": NaN}', {"format": "json"}, None, False),
        ("format", "two\nlines", {"format": "single_line"}, None, False),
        ("language", "Ihr Paket kommt morgen zwischen neun und zwölf Uhr an.", {"language": "de"}, None, True),
        ("language", "Your parcel arrives tomorrow between nine and noon.", {"language": "de"}, None, False),
        ("refusal", "I'm sorry, but I can't help with that.", {}, None, False),
        ("refusal", "Dabei kann ich leider nicht helfen.", {"wanted": True}, None, True),
        ("refusal", "Your parcel can't be delivered today; I can help you to re-book it.", {}, None, True),
    ],
)  # fmt: skip
def test_flags(name: str, output: str, parameters: dict[str, Json], expected: Json, passed: bool) -> None:
    found = score(name, output, parameters, expected=expected)
    assert (found.passed, found.score) == (passed, float(passed))


def test_length_is_measured_outside_of_its_limits() -> None:
    found = score("length", "abcdefgh", {"max": 5})
    assert (found.value, found.score, found.passed) == (3.0, 0.0, False)
    assert CATALOG["length"].direction == "lower_is_better"


def test_similarity_of_kitten_and_sitting() -> None:
    """Levenshtein distance 3, longer length 7 (Levenshtein, 1966)."""
    found = score("similarity", "kitten", {"threshold": 0.5}, reference="sitting")
    assert found.value == pytest.approx(1 - 3 / 7)
    assert found.passed


def test_ndcg_of_the_textbook_ranking() -> None:
    """Grades 3, 2, 3, 0, 1, 2 as ranked: DCG 6.861, ideal 7.141 (Järvelin and Kekäläinen, 2002; linear gain)."""
    grades = dict(zip("abcdef", (3, 2, 3, 0, 1, 2), strict=True))
    relevant = {key: float(grade) for key, grade in grades.items() if grade}
    assert ndcg("abcdef", relevant, 6) == pytest.approx(6.861 / 7.141, abs=1e-3)
    assert ndcg("abcdef", relevant, 1) == 1.0
    assert ndcg("dxy", relevant, 3) == 0.0


def test_recall_and_reciprocal_rank() -> None:
    assert recall("xayb", {"a": 1, "b": 1, "c": 1}, 4) == pytest.approx(2 / 3)
    assert recall("xayb", {"a": 1, "b": 1, "c": 1}, 2) == pytest.approx(1 / 3)
    assert reciprocal_rank("xayb", {"a": 1}, 4) == 0.5
    assert reciprocal_rank("xayb", {"b": 1}, 3) == 0.0


def test_a_repeated_context_counts_once() -> None:
    assert ndcg("aab", {"a": 1, "b": 1}, 2) == pytest.approx(1.0)
    assert reciprocal_rank("xxa", {"a": 1}, 2) == 0.5


def test_retrieval_is_scored_by_reported_contexts() -> None:
    found = score("ndcg_at_k", retrieved("b", "a"), {"relevant": {"a": 1}, "k": 2, "threshold": 0.6})
    assert found.value == pytest.approx(1 / math.log2(3))
    assert found.passed
    assert score("mrr", AppAnswer("text"), {"relevant": ["a"], "threshold": 1}).passed is None


def test_tool_call_accuracy_as_ragas_defines_it() -> None:
    """Half of the arguments of the second of two calls: (1 + 1/2) / 2; another order of tools is 0."""
    expected = [CalledTool("find", {"q": "x"}), CalledTool("book", {"city": "London", "days": 2})]
    made = [CalledTool("find", {"q": "x"}), CalledTool("book", {"city": "London", "days": 3, "more": 1})]
    assert tool_call_accuracy(made, expected) == 0.75
    assert tool_call_accuracy(made[::-1], expected) == 0.0
    assert tool_call_accuracy(made[:1], expected) == 0.0
    assert tool_call_accuracy([], []) == 1.0
    assert tool_call_accuracy([CalledTool("a", {"x": 1})], [CalledTool("a", {})]) == 0.0


def test_tool_call_f1_as_ragas_defines_it() -> None:
    """One of two made, one of three expected: precision 1/2, recall 1/3, F1 0.4."""
    made = [CalledTool("a", {}), CalledTool("b", {"x": 1})]
    expected = [CalledTool("a", {}), CalledTool("b", {"x": 2}), CalledTool("c", {})]
    assert tool_call_f1(made, expected) == pytest.approx(0.4)
    assert tool_call_f1(made, []) == 0.0
    assert tool_call_f1([], []) == 1.0


def test_tool_calls_in_any_order() -> None:
    parameters: dict[str, Json] = {"calls": ["find", {"name": "book", "arguments": _LONDON}], "threshold": 1}
    answer = called(("book", {"days": 2, "city": "London"}), ("find", {}))
    assert score("tool_call_accuracy", answer, parameters).passed is False
    assert score("tool_call_accuracy", answer, {**parameters, "any_order": True}).passed is True


@pytest.mark.parametrize(
    ("output", "value", "passed"),
    [
        ("Free within 30 days [1], see [terms].", 1.0, True),
        ("Free within 30 days [1, 2].", 1.0, True),
        ("Free [1] and fast [7].", 0.5, False),
        ("Free within 30 days.", 0.0, False),
        ("See [1](https://example.org).", 0.0, False),
    ],
)
def test_citations_resolve_to_contexts(output: str, value: float, passed: bool) -> None:
    found = score("citations", output, contexts=["Returns are free.", {"id": "terms", "text": "30 days."}])
    assert (found.value, found.passed) == (value, passed)


@pytest.mark.parametrize(
    ("output", "passed"),
    [('{"n": 1}', True), ({"n": 2}, True), ('{"n": "1"}', False), ("no JSON", False), ("[" * 100_000, False)],
    ids=["text", "object", "wrong type", "no JSON", "deep"],
)
def test_json_schema(output: Json, passed: bool) -> None:
    schema: Json = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert score("json_schema", output, {"schema": schema}).passed is passed


def test_a_schema_elsewhere_is_unknown_and_not_fetched() -> None:
    found = score("json_schema", "1", {"schema": {"$ref": "https://example.org/schema"}})
    assert (found.passed, found.value) == (None, None)
    assert "not part of it" in (found.reason or "")


@pytest.mark.parametrize("name", ["regex", "json_schema"])
def test_a_pattern_that_backtracks_without_end_is_unknown(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_regex, "TIMEOUT_S", 0.05)
    pattern, output = r"^(a|a)*$", "a" * 40 + "b"
    if name == "regex":
        found = score(name, output, {"pattern": pattern})
    else:
        found = score(name, f'"{output}"', {"schema": {"type": "string", "pattern": pattern}})
    assert (found.passed, found.score) == (None, None)


@pytest.mark.parametrize(
    ("name", "answer", "parameters"),
    [
        ("language", AppAnswer("ok"), {"language": "en"}),
        ("citations", AppAnswer("[1]"), {}),
        ("tool_call_f1", AppAnswer(""), {"calls": [], "threshold": 1}),
        ("recall_at_k", AppAnswer(""), {"relevant": ["a"], "k": 1, "threshold": 1}),
    ],
)
def test_what_can_not_be_judged_is_unknown_with_a_reason(
    name: str, answer: AppAnswer, parameters: dict[str, Json]
) -> None:
    found = score(name, answer, parameters)
    assert (found.value, found.score, found.passed) == (None, None, None)
    assert found.reason


def test_a_failed_answer_has_the_worst_score() -> None:
    found = score("refusal", AppAnswer(failure=Failure("timeout", "no answer within 2 s")))
    assert (found.value, found.score, found.passed, found.reason) == (None, 0.0, False, "no answer within 2 s")


def test_digest_depends_on_name_and_parameters() -> None:
    first = score("length", "x", {"max": 5}).digest
    assert first == score("length", "another", {"max": 5}).digest
    assert len({first, score("length", "x", {"max": 6}).digest, score("word_count", "x", {"max": 5}).digest}) == 3


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"evaluators": ["accuracy"]}, "evaluators[0].name"),
        ({"evaluators": ["exact"]}, "expected"),
        ({"evaluators": [{"name": "similarity", "threshold": 0.5}]}, "expected"),
        ({"evaluators": [{"name": "length"}]}, "evaluators[0]"),
        ({"evaluators": [{"name": "length", "min": 3, "max": 2}]}, "evaluators[0].min"),
        ({"evaluators": [{"name": "length", "max": -1}]}, "evaluators[0].max"),
        ({"evaluators": [{"name": "length", "max": 1, "most": 1}]}, "evaluators[0]"),
        ({"evaluators": [{"name": "regex", "pattern": "("}]}, "evaluators[0].pattern"),
        ({"evaluators": [{"name": "contains", "values": []}]}, "evaluators[0].values"),
        ({"evaluators": [{"name": "json_schema", "schema": {"type": "thing"}}]}, "evaluators[0].schema"),
        ({"evaluators": [{"name": "json_schema", "schema": {"pattern": "("}}]}, "evaluators[0].schema"),
        ({"evaluators": [{"name": "language", "language": "xx"}]}, "evaluators[0].language"),
        ({"evaluators": [{"name": "citations", "pattern": "x"}]}, "evaluators[0].pattern"),
        ({"evaluators": [{"name": "mrr", "relevant": {"a": 0}, "threshold": 1}]}, "evaluators[0].relevant"),
        ({"evaluators": [{"name": "tool_call_f1", "calls": [1], "threshold": 1}]}, "evaluators[0].calls[0]"),
    ],
)
def test_wrong_evaluators_of_a_case_are_refused(fields: dict[str, Json], field: str) -> None:
    with pytest.raises(CaseError) as refused:
        golden_case(**fields)
    assert refused.value.field == field


def test_the_catalogue_declares_what_it_needs() -> None:
    assert len(CATALOG) == 16
    assert all(each.direction in ("higher_is_better", "lower_is_better") for each in CATALOG.values())
    assert all(set(each.required) <= each.parameters.keys() for each in CATALOG.values())
