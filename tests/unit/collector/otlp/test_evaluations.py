"""Evaluations and annotations become scores of an execution, or feedback."""

from typing import Any
from uuid import UUID

import pytest

from collector.domain.feedback_items import parse_feedback
from collector.domain.otlp.span import SpanEvent, SpanKey
from collector.domain.otlp.translation import INVALID_LINK, translate
from tests.support.spans import MODEL, SPAN, TRACE, span
from tests.unit.collector.test_validation import CONTEXT

OTHER = SpanKey("f" * 32, "e" * 16)


def evaluation(name: Any = "Relevance", **given: Any) -> SpanEvent:
    fields = {f"gen_ai.evaluation.{field.replace('_', '.')}": value for field, value in given.items()}
    return SpanEvent("gen_ai.evaluation.result", {"gen_ai.evaluation.name": name, **fields})


def items(*spans: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return executions and feedback; feedback is checked by the validation of the API."""
    found = translate(spans).items
    feedback = [item.body for item in found if item.route == "feedback"]
    for body in feedback:
        parse_feedback(body, CONTEXT)
    return [item.body for item in found if item.route == "executions"], feedback


def test_number_becomes_a_score_of_the_execution() -> None:
    events = [evaluation(score_value=4, score_label="good"), evaluation("Tone", score_value=0.5)]
    (execution,), feedback = items(span(events=events))
    assert execution["scores"] == {"Relevance": 4.0, "Tone": 0.5}
    assert feedback == []


def test_label_and_explanation_become_feedback() -> None:
    (execution,), (label, comment) = items(span(events=[evaluation(score_label="relevant", explanation="It answers.")]))
    assert "scores" not in execution
    about = {"execution_id": f"{TRACE}-{SPAN}", "name": "Relevance", "source": "implicit"}
    assert label.items() >= {**about, "kind": "label", "value": "relevant"}.items()
    assert comment.items() >= {**about, "kind": "comment", "value": "It answers."}.items()


def test_feedback_has_the_same_ids_each_time() -> None:
    one = span(events=[evaluation(score_label="relevant"), evaluation("Tone", score_label="kind")])
    ids = [UUID(body["id"]) for body in items(one)[1]]
    assert ids == [UUID(body["id"]) for body in items(one)[1]]
    assert len(set(ids)) == 2


def test_evaluation_of_another_span_is_about_its_link_or_its_trace() -> None:
    result = [evaluation(score_value=0.5)]
    _, (linked,) = items(span({}, events=result, links=[OTHER]))
    assert (linked["kind"], linked["value"], linked["execution_id"]) == ("score", 0.5, OTHER.execution_id)
    _, (by_trace,) = items(span({}, events=result))
    assert (by_trace["trace_id"], "execution_id" in by_trace) == (TRACE, False)
    _, (ambiguous,) = items(span({}, events=result, links=[OTHER, OTHER]))
    assert ambiguous["trace_id"] == TRACE


def test_annotations_of_openinference() -> None:
    attributes = {
        **MODEL,
        "annotations.0.annotation.name": "hallucination",
        "annotations.0.annotation.score": 1,
        "annotations.0.annotation.annotator_kind": "LLM",
        "evaluations.0.evaluation.name": "helpful",
        "evaluations.0.evaluation.score": 0.25,
        "evaluations.0.evaluation.annotator_kind": "HUMAN",
        "trace.annotations.0.annotation.name": "coherence",
        "trace.annotations.0.annotation.label": "coherent",
        "session.annotations.0.annotation.name": "mood",
        "session.annotations.0.annotation.score": 1,
    }
    (execution,), (person, trace) = items(span(attributes))
    assert execution["scores"] == {"hallucination": 1.0}
    assert (person["kind"], person["value"], person["source"]) == ("score", 0.25, "explicit")
    assert person["execution_id"] == f"{TRACE}-{SPAN}"
    assert (trace["kind"], trace["value"], trace["trace_id"]) == ("label", "coherent", TRACE)
    assert not any(
        name.startswith(("annotations", "evaluations", "trace.", "session.")) for name in execution["attributes"]
    )


@pytest.mark.parametrize("link", [SpanKey("", ""), SpanKey("", "e" * 16), SpanKey("f" * 32, "ab")])
def test_evaluation_of_a_link_without_valid_ids_is_rejected(link: SpanKey) -> None:
    """A call's own results are not about its link."""
    result = [evaluation(score_value=0.5)]
    found = translate(
        [span({}, events=result, links=[link]), span(events=result, links=[link]), span({}, links=[link])]
    )
    assert found.rejected == {0: INVALID_LINK}
    assert [item.body.get("scores") for item in found.items] == [{"Relevance": 0.5}]


def test_results_without_a_value_are_ignored() -> None:
    events = [
        evaluation(),
        evaluation(score_value=float("nan")),
        evaluation(score_value=True),
        evaluation(score_label=" "),
    ]
    (execution,), feedback = items(span(events=events))
    assert (execution.get("scores"), feedback) == (None, [])


def test_results_past_the_limit_are_ignored() -> None:
    (execution,), feedback = items(span(events=[evaluation(f"m{number}", score_value=1.0) for number in range(70)]))
    assert (len(execution["scores"]), feedback) == (64, [])
