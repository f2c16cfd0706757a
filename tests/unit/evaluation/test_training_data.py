"""Rows for training: which executions and judgements become rows, and which gate leaves them out."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.api.execution_models import ExecutionDetail, FeedbackView
from ratchet_evaluation.domain.training_data import GateReason, collect_examples, collect_pairs
from shared.events.feedback import ComparedOutput, Consent, Preference, Usage

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ANN, BOB = (f"k1:{digit * 32}" for digit in "12")
LIKED = {"target": "bot", "feedback_id": "f", "execution_id": "e1", "input": "How long?", "output": "30 days."}


def judgement(number: int = 1, **fields: Any) -> FeedbackView:
    given: dict[str, Any] = {
        "id": UUID(int=number), "kind": "preference", "source": "explicit", "key_scope": "ingest", "name": None,
        "metric": None, "value": 1.0, "label": None, "text": None, "about": "execution", "mixed": False,
        "preference": Preference(chosen=ComparedOutput(execution_id="e1"), rejected=ComparedOutput(text="Dunno.")),
        "user": ANN, "replaced": False, "occurred_at": NOW, "received_at": NOW,
    }  # fmt: skip
    return FeedbackView(**{**given, **fields})


def execution(id_: str = "e1", *feedback: FeedbackView, **fields: Any) -> dict[str, Any]:
    """Return an execution as the export has it."""
    given: dict[str, Any] = {
        "id": id_, "target": "bot", "trace_id": None, "parent_id": None, "occurred_at": NOW, "received_at": NOW,
        "prompts": (), "model": None, "arm": None, "user": ANN, "session": None, "outcome": "ok", "usage": Usage(),
        "cost": None, "currency": None, "latency_ms": None, "time_to_first_token_ms": None, "scores": {},
        "feedback": list(feedback), "input": "How long?", "output": "30 days.", "contexts": [], "tools": [],
        "parameters": {}, "attributes": {}, "consent": Consent(learning=True), "clock_skew_s": None, "revision": 1,
            "region": None, "confidentiality": None,
    }  # fmt: skip
    return ExecutionDetail(**{**given, **fields}).model_dump(mode="json")


def test_preference_of_the_same_user_is_a_pair() -> None:
    (row,) = collect_pairs([execution("e1", judgement())], {}).rows
    assert row.to_json() == {
        "prompt": "How long?", "chosen": "30 days.", "rejected": "Dunno.", "source": "preference",
        "origin": {"execution_id": "e1", "feedback_id": str(UUID(int=1))},
    }  # fmt: skip


def test_correction_by_a_candidate_is_a_pair() -> None:
    corrected = execution("e1", judgement(kind="correction", preference=None, text="It is 30 days.", user=BOB))
    candidate = {**LIKED, "output": "It is 30 days."}
    (row,) = collect_pairs([corrected], {str(UUID(int=1)): candidate}).rows
    assert (row.source, row.texts["chosen"], row.texts["rejected"]) == ("correction", "It is 30 days.", "30 days.")
    assert collect_pairs([corrected], {}).left_out == {"judged by somebody else": 1}


def test_answers_to_one_input_that_a_judge_tells_apart_are_a_pair() -> None:
    found = [
        execution("good", scores={"faithful": 0.9}),
        execution("bad", input="how  long?", output="Dunno.", scores={"faithful": 0.1}),
        execution("alone", input="Else?", scores={"faithful": 0.1}),
    ]
    (row,) = collect_pairs(found, {}, ("faithful", 0.5)).rows
    assert row.origin == {"execution_id": "good", "rejected_execution_id": "bad", "score": "faithful"}
    assert collect_pairs(found, {}, ("faithful", 0.9)).rows == []
    assert collect_pairs(found, {}).rows == []


@pytest.mark.parametrize(
    ("fields", "feedback", "reason"),
    [
        ({"consent": Consent()}, {}, "no consent to learning"),
        ({"consent": Consent(learning=False)}, {}, "no consent to learning"),
        ({"output": None}, {}, "no text"),
        ({"outcome": "error"}, {}, "outcome is not ok"),
        ({"input": "I am [email], how long?"}, {}, "personal data found"),
        ({}, {"user": BOB}, "judged by somebody else"),
        ({}, {"user": None}, "judged by somebody else"),
        ({"user": None}, {"user": None}, "judged by somebody else"),
        ({}, {"key_scope": "browser-ingest"}, "judged by somebody else"),
        ({"output": "Dunno."}, {}, "both outputs are equal"),
        ({}, {"preference": Preference(chosen=ComparedOutput(execution_id="e1"),
                                       rejected=ComparedOutput(execution_id="e2"))}, "the other output is unknown"),
    ],
)  # fmt: skip
def test_each_gate_leaves_out_and_is_counted(
    fields: dict[str, Any], feedback: dict[str, Any], reason: GateReason
) -> None:
    data = collect_pairs([execution("e1", judgement(**feedback), **fields)], {})
    assert (data.rows, dict(data.left_out)) == ([], {reason: 1})


def test_replaced_and_implicit_judgements_are_none() -> None:
    ignored = [judgement(1, replaced=True), judgement(2, source="implicit"), judgement(3, mixed=True)]
    assert collect_pairs([execution("e1", *ignored)], {}).rows == []


def test_compared_execution_must_pass_the_gates_too() -> None:
    other = Preference(chosen=ComparedOutput(execution_id="e2"), rejected=ComparedOutput(execution_id="e1"))
    asked = execution("e1", judgement(preference=other))
    better = {"output": "Within 30 days."}
    (row,) = collect_pairs([asked, execution("e2", **better)], {}).rows
    assert row.texts["chosen"] == "Within 30 days."
    assert collect_pairs([asked, execution("e2", **better, consent=Consent())], {}).rows == []


def test_liked_answers_are_examples_once_and_not_what_is_held_out() -> None:
    others = [
        {**LIKED, "execution_id": "e2"},
        {**LIKED, "target": "other", "input": "Other?"},
        {**LIKED, "input": "Out?"},
    ]
    data = collect_examples([LIKED, *others], "bot", lambda prompt: prompt == "Out?")
    assert [row.texts for row in data.rows] == [{"prompt": "How long?", "completion": "30 days."}]
    assert dict(data.left_out) == {"held out": 1}


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.sampled_from([ANN, BOB, None])), max_size=6))
def test_no_row_comes_from_anyone_who_did_not_agree(people: list[tuple[bool | None, str | None]]) -> None:
    compared = Preference(chosen=ComparedOutput(text="A"), rejected=ComparedOutput(text="B"))
    found = []
    for i, (agreed, user) in enumerate(people):
        fields = {
            "input": f"Question {i}?",
            "consent": Consent(learning=agreed),
            "user": user,
            "scores": {"s": float(i)},
        }
        found.append(execution(f"e{i}", judgement(i + 1, preference=compared), **fields))
    data = collect_pairs(found, {}, ("s", 0.0))
    agreed_ids = {f"e{i}" for i, (agreed, _) in enumerate(people) if agreed is True}
    assert {row.origin["execution_id"] for row in data.rows} <= agreed_ids
    assert len(data.rows) == sum(agreed is True and user == ANN for agreed, user in people)
