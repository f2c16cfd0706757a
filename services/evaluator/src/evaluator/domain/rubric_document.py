"""Rubrics as JSON, and checks of those that people write."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from evaluator.domain.rubric import RubricError, RubricLabel, RubricQuestion

MAX_QUESTIONS = 20
MAX_LABELS = 9
"""A label is chosen by one of the keys 1 to 9."""
MAX_STEPS = 100
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_ROUNDING = 1e-9


def rubric_to_json(rubric: Sequence[RubricQuestion]) -> list[dict[str, Any]]:
    """Return the questions with the fields of their kind."""
    return [_to_json(question) for question in rubric]


def rubric_from_json(stored: Sequence[Mapping[str, Any]]) -> tuple[RubricQuestion, ...]:
    """Return the rubric of a document that `rubric_to_json` made."""
    return tuple(
        RubricQuestion(**{**each, "labels": tuple(RubricLabel(**label) for label in each.get("labels", ()))})
        for each in stored
    )


def check_rubric(rubric: Sequence[RubricQuestion]) -> None:
    """Check names, labels, scales and metrics. Raises RubricError, which names the field."""
    if not 1 <= len(rubric) <= MAX_QUESTIONS:
        raise RubricError("rubric", f"must have 1 to {MAX_QUESTIONS} questions")
    names: set[str] = set()
    metrics: set[str] = set()
    for i, question in enumerate(rubric):
        field = f"rubric.{i}"
        if not _NAME.fullmatch(question.name):
            raise RubricError(f"{field}.name", "must be 1 to 64 letters, digits, - or _, and start with no sign")
        _check_unique(question.name, names, f"{field}.name")
        _check_kind(question, field)
        if question.metric is not None:
            _check_unique(question.metric, metrics, f"{field}.metric")


def _check_kind(question: RubricQuestion, field: str) -> None:
    if question.metric is not None and not question.is_rating:
        raise RubricError(f"{field}.metric", f"must be left out: a {question.kind} rates nothing")
    if question.kind == "label":
        _check_labels(question, field)
    if question.kind == "score":
        _check_scale(question, field)


def _check_labels(question: RubricQuestion, field: str) -> None:
    if not 2 <= len(question.labels) <= MAX_LABELS:
        raise RubricError(f"{field}.labels", f"must be 2 to {MAX_LABELS} labels")
    names: set[str] = set()
    for i, label in enumerate(question.labels):
        _check_unique(label.name, names, f"{field}.labels.{i}.name")
        if (label.value is None) != (question.metric is None):
            reason = "must be left out without a metric" if question.metric is None else "is missing: of 0 to 1"
            raise RubricError(f"{field}.labels.{i}.value", reason)


def _check_scale(question: RubricQuestion, field: str) -> None:
    if question.low >= question.high:
        raise RubricError(f"{field}.high", "must be above low")
    if question.step <= 0.0:
        raise RubricError(f"{field}.step", "must be above 0")
    steps = (question.high - question.low) / question.step
    if steps > MAX_STEPS + _ROUNDING:
        raise RubricError(f"{field}.step", f"must divide the scale into at most {MAX_STEPS} steps")
    if abs(steps - round(steps)) > _ROUNDING * max(1.0, steps):
        raise RubricError(f"{field}.step", "must divide the scale into equal steps")


def _check_unique(name: str, seen: set[str], field: str) -> None:
    if name in seen:
        raise RubricError(field, "is used twice")
    seen.add(name)


def _to_json(question: RubricQuestion) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "name": question.name,
        "kind": question.kind,
        "title": question.title,
        "required": question.required,
    }
    if question.is_rating:
        fields["metric"] = question.metric
    if question.kind == "label":
        fields["labels"] = [label._asdict() for label in question.labels]
    if question.kind == "score":
        fields |= {name: getattr(question, name) for name in ("low", "high", "step", "tolerance")}
    return fields
