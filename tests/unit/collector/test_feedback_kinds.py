"""Preferences, and what a user did: their values, sources and slots."""

from datetime import UTC, datetime
from typing import Any

import pytest

from collector.domain.feedback_items import parse_feedback
from collector.domain.model import Origin
from collector.domain.request_context import PseudonymKey, RequestContext
from shared.events.feedback import FeedbackCreated
from shared.metric_catalog import IMPLICIT_KINDS, NEXT_STEPS
from shared.problems import Problem

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CONTEXT = RequestContext("key", Origin("shop", "production", NOW), PseudonymKey("k1", b"s" * 32))

pytestmark = pytest.mark.usefixtures("both_ways")


def created(**fields: Any) -> FeedbackCreated:
    feedback = parse_feedback({"execution_id": "e", **fields}, CONTEXT)
    return FeedbackCreated.model_validate_json(b'{"target":"t",' + feedback.payload[1:])


def refused_field(**fields: Any) -> str:
    with pytest.raises(Problem) as refused:
        parse_feedback({"execution_id": "e", **fields}, CONTEXT)
    assert refused.value.status == 422
    return refused.value.errors[0]["field"]


@pytest.mark.parametrize(
    ("value", "chosen", "rejected", "number"),
    [
        ({"rejected": "worse"}, (None, "e"), ("worse", None), 1.0),
        ({"chosen": "better"}, ("better", None), (None, "e"), 0.0),
        ({"chosen": {"execution_id": 7}, "rejected": None}, (None, "7"), (None, "e"), 0.0),
        ({"chosen": {"execution_id": "e"}, "rejected": {"execution_id": "f"}}, (None, "e"), (None, "f"), 1.0),
        ({"chosen": "a", "rejected": "b"}, ("a", None), ("b", None), None),
        ({"chosen": [{"role": "assistant", "content": "hi"}]}, ("hi", None), (None, "e"), 0.0),
        ({"chosen": {"text": "better"}}, ("better", None), (None, "e"), 0.0),
        ({"chosen": {"answer": 1}}, ('{"answer":1}', None), (None, "e"), 0.0),
        ({"chosen": "mail b@example.com"}, ("mail [email]", None), (None, "e"), 0.0),
    ],
)
def test_preference_compares_two_outputs(value: Any, chosen: Any, rejected: Any, number: float | None) -> None:
    event = created(kind="preference", value=value)
    assert event.preference is not None
    sides = event.preference.chosen, event.preference.rejected
    assert [(side.text, side.execution_id) for side in sides] == [chosen, rejected]
    assert (event.value, event.source, event.text) == (number, "explicit", None)


@pytest.mark.parametrize(
    "value",
    [
        None, {}, "x", [], True, {"better": "x"}, {"chosen": "x", "why": "y"}, {"chosen": "x", "rejected": "x"},
        {"chosen": {"execution_id": "e"}}, {"chosen": {}}, {"chosen": {"text": ""}},
        {"chosen": {"text": 5}}, {"chosen": ""}, {"chosen": " "}, {"chosen": 5},
        {"chosen": {"execution_id": "x" * 129}}, {"chosen": {"execution_id": "a\nb"}},
        {"chosen": {"execution_id": None}}, {"chosen": "x" * 15_000, "rejected": "y" * 5_001},
    ],
)  # fmt: skip
def test_preference_without_two_outputs_is_refused(value: Any) -> None:
    assert refused_field(kind="preference", value=value).startswith("value")


def test_preference_may_have_a_comment() -> None:
    assert created(kind="preference", value={"rejected": "worse"}, comment="shorter").text == "shorter"


@pytest.mark.parametrize("kind", IMPLICIT_KINDS)
def test_what_a_user_did_is_implicit(kind: str) -> None:
    value = 1200 if kind == "dwell" else None
    assert created(kind=kind, value=value).source == "implicit"
    assert created(kind=kind, value=value, source="implicit").source == "implicit"
    assert refused_field(kind=kind, value=value, source="explicit") == "source"
    assert refused_field(kind=kind, value=value, comment="x") == "comment"


def test_values_of_what_a_user_did() -> None:
    assert [created(kind="copy", value=value).value for value in (None, True, False)] == [1.0, 1.0, 0.0]
    assert created(kind="dwell", value=1200).value == 1200.0
    assert [created(kind=step).value for step in NEXT_STEPS] == [1.0] * 4
    for kind, value in (
        ("dwell", None), ("dwell", -1), ("dwell", "7"), ("dwell", True), ("copy", 1), ("click", "yes"),
        ("requery", False), ("abandon", 0), ("continue", "yes"), ("regenerate", 1),
    ):  # fmt: skip
        assert refused_field(kind=kind, value=value) == "value"


def test_next_steps_replace_each_other() -> None:
    steps = [parse_feedback({"execution_id": "e", "kind": step}, CONTEXT) for step in NEXT_STEPS]
    assert len({step.slot for step in steps}) == 1
    assert [step.label for step in steps] == list(NEXT_STEPS)
    others = [parse_feedback({"execution_id": "e", "kind": kind}, CONTEXT) for kind in ("click", "copy")]
    assert len({item.slot for item in (*others, steps[0])}) == 3
    assert [item.label for item in others] == [None, None]


JUDGE = {"kind": "score", "name": "helpful", "value": 0.75, "source": "judge", "evaluator": f"sha256:{'a' * 64}"}


def test_a_judges_score_has_its_digest() -> None:
    event = created(**JUDGE)
    assert (event.source, event.evaluator, event.value) == ("judge", JUDGE["evaluator"], 0.75)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"evaluator": None}, "evaluator"),
        ({"evaluator": "sha256:abc"}, "evaluator"),
        ({"value": 1.5}, "value"),
        ({"value": -0.1}, "value"),
        ({"kind": "thumb", "value": "up"}, "source"),
        ({"source": "explicit"}, "evaluator"),
        ({"source": None}, "evaluator"),
    ],
)
def test_a_judges_score_is_nothing_else(changed: dict[str, Any], field: str) -> None:
    assert refused_field(**{**JUDGE, **changed}) == field
