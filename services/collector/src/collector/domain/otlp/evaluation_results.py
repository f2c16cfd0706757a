"""Results of evaluations and annotations in spans: scores of an execution, or feedback. Pure."""

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any, NamedTuple

from collector.domain.model import as_uuid, key_hash
from collector.domain.otlp.conventions import ANNOTATIONS, EVALUATION_EVENT
from collector.domain.otlp.flattened import indexed
from collector.domain.otlp.outcome import occurred_at
from collector.domain.otlp.span import ExportedSpan

MAX_RESULTS = 64
"""Results of one span, as many as an execution may have scores; more are ignored."""
_MAX_NAME = 128


class Evaluation(NamedTuple):
    """A result about a span, or about its trace if `by_trace`."""

    name: Any
    score: float | None = None
    label: str | None = None
    explanation: str | None = None
    by_person: bool = False
    by_trace: bool = False


def evaluations_of(span: ExportedSpan) -> list[Evaluation]:
    """Return the first `MAX_RESULTS` results in a span that have a score, a label or an explanation."""
    valued = (found for found in _evaluations(span) if (found.score, found.label, found.explanation) != (None,) * 3)
    return list(islice(valued, MAX_RESULTS))


def _evaluations(span: ExportedSpan) -> Iterator[Evaluation]:
    for event in span.events:
        if event.name == EVALUATION_EVENT:
            found = event.attributes.get
            score, label = found("gen_ai.evaluation.score.value"), found("gen_ai.evaluation.score.label")
            explanation = found("gen_ai.evaluation.explanation")
            yield Evaluation(found("gen_ai.evaluation.name"), _number(score), _text(label), _text(explanation))
    for scope, by_trace in (("", False), ("trace.", True)):
        for plural, prefix in ANNOTATIONS.items():
            for result in indexed(span.attributes, f"{scope}{plural}"):
                given = {member.removeprefix(f"{prefix}."): value for member, value in result.items()}
                texts = (_text(given.get("label")), _text(given.get("explanation")))
                person = given.get("annotator_kind") == "HUMAN"
                yield Evaluation(given.get("name"), _number(given.get("score")), *texts, person, by_trace)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None


def scores_of(evaluations: list[Evaluation]) -> dict[str, float]:
    """Return the scores that become scores of their span's execution: those that no person gave."""
    found: dict[str, float] = {}
    for evaluation in evaluations:
        name, score = evaluation.name, evaluation.score
        if score is not None and _is_score(evaluation):
            found[name] = score
    return found


def _is_score(evaluation: Evaluation) -> bool:
    named = isinstance(evaluation.name, str) and 0 < len(evaluation.name) <= _MAX_NAME
    return named and not evaluation.by_person and not evaluation.by_trace


def feedback_bodies(span: ExportedSpan, evaluations: list[Evaluation], is_call: bool) -> list[dict[str, Any]]:
    """Return the feedback of a span's results, as `POST /v1/feedback` would get it; scores of executions are none.

    It is about the execution of the span, about that of its only link, or about the trace.
    """
    scores = scores_of(evaluations) if is_call else {}
    found = []
    for index, evaluation in enumerate(evaluations):
        about = _subject(span, evaluation, is_call)
        for kind, value in _values(evaluation, scores).items():
            identity = key_hash("otlp", *span.key, str(index), kind)
            found.append({
                "id": as_uuid(identity), "kind": kind, "value": value, "name": evaluation.name, **about,
                "source": "explicit" if evaluation.by_person else "implicit", "occurred_at": occurred_at(span),
            })  # fmt: skip
    return [{name: value for name, value in body.items() if value is not None} for body in found]


def _values(evaluation: Evaluation, scores: dict[str, float]) -> dict[str, Any]:
    """Return the values by kind of feedback: a score, or without one the label, and the explanation as a comment."""
    values: dict[str, Any] = {}
    if evaluation.score is not None:
        if not (_is_score(evaluation) and evaluation.name in scores):
            values["score"] = evaluation.score
    elif evaluation.label is not None:
        values["label"] = evaluation.label
    if evaluation.explanation is not None:
        values["comment"] = evaluation.explanation
    return values


def _subject(span: ExportedSpan, evaluation: Evaluation, is_call: bool) -> dict[str, str]:
    linked = span.links[0] if len(span.links) == 1 else None
    if evaluation.by_trace:
        return {"trace_id": (linked or span.key).trace_id}
    if is_call:
        return {"execution_id": span.key.execution_id}
    return {"execution_id": linked.execution_id} if linked else {"trace_id": span.key.trace_id}
