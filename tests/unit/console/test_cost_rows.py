"""Gain and cost of a proposal: figures where they are known, `unknown` elsewhere."""

from typing import Any

from console.domain.cost_rows import UNKNOWN, cost_rows

BASE = {"messages": [{"role": "system", "content": "Be brief."}, {"slot": "examples"}]}
LONGER = {"messages": [{"role": "system", "content": "Be brief. Cite."}, {"slot": "examples"}]}
EVALUATION = {"difference": 0.123, "low": 0.05, "high": 0.2, "level": 0.975, "cases": 50}


def values(**parts: Any) -> dict[str, str]:
    proposal = {"author_kind": "service", "evidence": {}, "rollback": BASE, "document": LONGER, "example_sets": []}
    return {row.label: row.value for row in cost_rows({**proposal, "evaluation": None, **parts})}


def test_without_an_evaluation_little_is_known() -> None:
    found = values()
    assert found.pop("tokens per call, estimated") == "+2"
    assert found.pop("spent on the draft") == "nothing: by rule"
    assert set(found.values()) == {UNKNOWN}


def test_gain_comes_from_the_evaluation_with_its_interval() -> None:
    found = values(evaluation=EVALUATION, author_kind="person")
    gain = found["expected per 1,000 calls like the golden cases"]
    assert gain == "+123 good answers (97.5 % interval +50 to +200, n=50)"
    assert (found["answers for comparisons, at least"], found["spent on the draft"]) == ("100", UNKNOWN)
    unknown = values(evaluation={**EVALUATION, "low": None})
    assert unknown["expected per 1,000 calls like the golden cases"] == UNKNOWN


def test_tokens_of_changed_examples_and_unknown_bases_are_unknown() -> None:
    for parts in ({"example_sets": [{"slot": "examples"}]}, {"rollback": None}, {"document": None}):
        assert values(**parts)["tokens per call, estimated"] == UNKNOWN


def test_drafts_show_what_they_spent() -> None:
    drafted = {"drafting_tokens": 1200, "drafting_usd": 0.01, "compared_answers": 300}
    found = values(evidence={"instruction": drafted}, evaluation=EVALUATION)
    assert found["spent on the draft"] == "1,200 tokens, 0.0100 US dollars"
    assert found["answers for comparisons, at least"] == "400"
    free = values(evidence={"instruction": {**drafted, "drafting_tokens": None, "drafting_usd": None}})
    assert free["spent on the draft"] == "unknown, US dollars unknown"
