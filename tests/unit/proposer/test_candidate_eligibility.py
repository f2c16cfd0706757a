"""Which feedback makes a candidate, which objects to one, and which candidates are selected."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proposer.domain.candidate_eligibility import (
    CANDIDATE_WINDOW,
    classify_feedback,
    latest_objection_per_execution,
    normalized_score,
)
from proposer.domain.declarations import DeclarationKey, Declarations
from proposer.domain.model import Objection
from shared.events import derived_id
from shared.events.feedback import Consent, PromptUse
from shared.metric_catalog import Declaration
from tests.support.proposer import NOW, candidate, execution, feedback, instead_of
from tests.support.soak import scaled


@pytest.mark.parametrize(
    "given_as",
    [
        {"kind": "thumb", "value": 1.0},
        {"kind": "rating", "value": 4.0},
        {"kind": "label", "value": None, "label": "Correct"},
        {"kind": "label", "value": None, "label": " helpful "},
        {"kind": "label", "value": None, "label": "positive"},
        {"kind": "thumb", "name": "user_feedback", "value": 1.0},
    ],
)
def test_positive_feedback_with_consent_makes_a_candidate(given_as: dict[str, Any]) -> None:
    found = classify_feedback(feedback(1, **given_as), NOW)
    assert found.objection is None
    (made,) = found.candidates
    assert made == candidate(1, score=normalized_score(**{"name": None, "value": None, "label": None, **given_as}))


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
        {"execution": execution(1, consent=Consent(quality=True))},
        {"source": "implicit"},
        {"execution": None},
        {"about": "session", "session": "s"},
        {"about": "trace", "trace_id": "t", "mixed": True},
        {"execution": execution(1, input=None)},
        {"execution": execution(1, input=" \u200b")},
        {"execution": execution(1, output=None)},
        {"execution": execution(1, prompts=())},
        {"occurred_at": NOW - CANDIDATE_WINDOW - timedelta(seconds=1)},
        {"received_at": NOW - CANDIDATE_WINDOW - timedelta(seconds=1)},
    ],
    ids=repr,
)
def test_other_feedback_makes_no_candidate(fields: dict[str, Any]) -> None:
    assert classify_feedback(feedback(1, **fields), NOW).candidates == ()


LEARNING = st.sampled_from([True, False, None])


@given(st.lists(st.tuples(LEARNING, LEARNING, st.sampled_from(["thumb", "correction"])), max_size=30))
@settings(max_examples=scaled(20, 10_000 // 15))
def test_consent_of_another_user_does_not_count(asked: list[tuple[bool | None, bool | None, Any]]) -> None:
    for own, voter, kind in asked:
        value = 1.0 if kind == "thumb" else None
        ran = execution(1, consent=Consent(quality=True, learning=own))
        event = feedback(1, kind=kind, value=value, text="x", execution=ran, consent=Consent(learning=voter))
        assert bool(classify_feedback(event, NOW).candidates) is (own is True and voter is True), (
            "unknown consent counts as no"
        )


@pytest.mark.parametrize(
    ("fields", "eligible"),
    [
        ({}, True),
        ({"execution": execution(1, user=None)}, True),
        ({"key_scope": "browser-ingest"}, False),
        ({"key_scope": None}, False),
        ({"kind": "correction", "value": None, "text": "Better."}, False),
    ],
)
def test_eligibility_for_a_grant(fields: dict[str, Any], eligible: bool) -> None:
    (found,) = classify_feedback(feedback(1, **fields), NOW).candidates
    assert found.grant_eligible is found.example().grant_eligible is eligible


def test_correction_makes_a_candidate_and_objects_to_the_answer() -> None:
    found = classify_feedback(feedback(1, kind="correction", value=None, text="Answer 1, better."), NOW)
    assert found.candidates == (
        candidate(1, output="Answer 1, better.", grant_eligible=False, author="user-1", corrected=True),
    )
    assert found.objection == Objection("acme", "production", "e1", feedback(1).feedback_id, feedback(1).received_at)


def test_candidate_is_created_for_each_prompt_of_the_execution() -> None:
    uses = (PromptUse(name="answer", digest="sha256:a"), PromptUse(name="system"))
    found = classify_feedback(feedback(1, execution=execution(1, prompts=uses)), NOW)
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
        ({"name": "accuracy", "value": 0.0}, True),
        ({"name": "thumbs_down", "value": 1.0}, True),
        ({"name": "complaint", "value": 0.0}, False),
        ({"kind": "rating", "name": "toxicity", "value": 5.0}, True),
        ({"kind": "label", "name": "toxicity", "value": None, "label": "toxic"}, True),
        ({"kind": "label", "name": "toxicity", "value": None, "label": "positive"}, False),
        ({"name": "tone", "value": 1.0, "replaces": instead_of(0, value=1.0)}, False),
    ],
)
def test_feedback_that_objects_to_an_example(fields: dict[str, Any], objects: bool) -> None:
    assert (classify_feedback(feedback(1, **fields), NOW).objection is not None) is objects


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "tone", "value": 1.0},
        {"name": "toxicity", "value": 1.0},
        {"name": "thumbs_down", "value": 1.0},
        {"kind": "rating", "name": "toxicity", "value": 5.0},
        {"kind": "rating", "name": "speed", "value": 5.0},
        {"kind": "label", "name": "toxicity", "value": None, "label": "positive"},
        {"kind": "label", "name": "toxicity", "value": None, "label": "non-toxic"},
    ],
)
def test_single_positive_aspect_makes_no_candidate(fields: dict[str, Any]) -> None:
    assert classify_feedback(feedback(1, **fields), NOW).candidates == ()


def test_latest_objection_to_an_execution_counts() -> None:
    early = Objection("acme", "production", "e1", derived_id("1"), NOW)
    late = Objection("acme", "production", "e1", derived_id("2"), NOW + timedelta(seconds=1))
    other = Objection("acme", "production", "e2", derived_id("3"), NOW)
    assert set(latest_objection_per_execution([late, other, early])) == {late, other}


def declared(metric: str, target: str | None = None, environment: str = "production", **fields: Any) -> Declarations:
    return Declarations({DeclarationKey("acme", environment, target, metric): Declaration(**fields)})


LABEL: dict[str, Any] = {"kind": "label", "value": None}


@pytest.mark.parametrize(
    ("given_as", "declarations", "entries", "objects"),
    [
        ({**LABEL, "label": "Helpful"}, declared("label", labels={"helpful": "bad"}), 0, True),
        ({**LABEL, "label": "top-notch"}, declared("label", labels={"top notch": "good"}), 1, False),
        ({**LABEL, "label": "Correct"}, declared("label", labels={"correct": "neutral"}), 0, False),
        ({**LABEL, "label": "Correct"}, declared("label", labels={"other": "bad"}), 1, False),
        ({**LABEL, "label": "A", "name": "tone"}, declared("label.tone", labels={"a": "good"}), 0, False),
        ({**LABEL, "label": "A", "name": "tone"}, declared("label.tone", labels={"a": "bad"}), 0, True),
        ({"value": 1.0}, declared("thumb", direction="lower_is_better"), 0, True),
        ({"value": 0.0}, declared("thumb", direction="lower_is_better"), 1, False),
        ({"kind": "rating", "value": 1.0}, declared("rating", target="bot", direction="lower_is_better"), 1, False),
        ({"kind": "rating", "value": 5.0}, declared("rating", target="bot", direction="lower_is_better"), 0, True),
        ({"kind": "rating", "value": 5.0}, declared("rating", target="other", direction="lower_is_better"), 1, False),
        ({"value": 1.0}, declared("thumb", environment="staging", direction="lower_is_better"), 1, False),
        ({"value": 1.0}, declared("implicit.thumb", direction="lower_is_better"), 1, False),
    ],
)
def test_declaration_overrides_the_catalogue(
    given_as: dict[str, Any], declarations: Declarations, entries: int, objects: bool
) -> None:
    found = classify_feedback(feedback(1, **given_as), NOW, declarations)
    assert (len(found.candidates), found.objection is not None) == (entries, objects)


def test_target_declaration_overrides_the_general_one_per_label() -> None:
    general = declared("label", labels={"fine": "bad", "ok": "good"}).declared
    special = declared("label", target="bot", labels={"fine": "good"}).declared
    declarations = Declarations({**general, **special})
    for word in ("fine", "ok"):
        assert classify_feedback(feedback(1, **LABEL, label=word), NOW, declarations).candidates
    elsewhere = classify_feedback(feedback(1, **LABEL, label="fine", target="elsewhere"), NOW, declarations)
    assert (elsewhere.candidates, elsewhere.objection is not None) == ((), True)
