"""Rubrics in requests and responses."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from evaluator.domain.rubric import QuestionKind, RubricError, RubricLabel, RubricQuestion
from evaluator.domain.rubric_document import MAX_LABELS, MAX_QUESTIONS, check_rubric, rubric_to_json
from shared.problems import invalid
from shared.web.json_body import Label, RequestBody

Number = Annotated[float, Field(strict=False, allow_inf_nan=False, ge=-1e9, le=1e9)]
Share = Annotated[float, Field(strict=False, allow_inf_nan=False, ge=0.0, le=1.0)]
_DEFAULT_TOLERANCE = 0.25
"""Of the scale: scores that are at most so far apart agree."""
_OF_KIND = {"labels": "label", "low": "score", "high": "score", "step": "score", "tolerance": "score"}


class LabelBody(RequestBody):
    """A label; `value` says what it is worth where the question rates a metric."""

    name: Label
    value: Share | None = None


class QuestionBody(RequestBody):
    """A question. `labels` belong to the kind label; `low`, `high`, `step` and `tolerance` to the kind score."""

    name: str
    kind: QuestionKind
    title: Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00]*$")]
    required: bool = True
    metric: Label | None = None
    labels: Annotated[list[LabelBody], Field(max_length=MAX_LABELS)] | None = None
    low: Number | None = None
    high: Number | None = None
    step: Number | None = None
    tolerance: Annotated[float, Field(strict=False, allow_inf_nan=False, ge=0.0, le=1e9)] | None = None

    def to_question(self, field: str) -> RubricQuestion:
        """Return the question with its defaults: scores from 1 to 5. Raises Problem 422 for a field of another kind."""
        for name, kind in _OF_KIND.items():
            if getattr(self, name) is not None and self.kind != kind:
                raise invalid(f"{field}.{name}", f"belongs to questions of the kind {kind}")
        low, high = 1.0 if self.low is None else self.low, 5.0 if self.high is None else self.high
        tolerance = _DEFAULT_TOLERANCE * (high - low) if self.tolerance is None else self.tolerance
        labels = tuple(RubricLabel(label.name, label.value) for label in self.labels or ())
        step = 1.0 if self.step is None else self.step
        about = (self.name, self.kind, self.title, self.required, self.metric, labels)
        return RubricQuestion(*about, low, high, step, tolerance)


RubricBody = Annotated[list[QuestionBody], Field(min_length=1, max_length=MAX_QUESTIONS)]


def to_rubric(body: Sequence[QuestionBody]) -> tuple[RubricQuestion, ...]:
    """Return the rubric of a request. Raises Problem 422 that names the field."""
    rubric = tuple(question.to_question(f"rubric.{i}") for i, question in enumerate(body))
    try:
        check_rubric(rubric)
    except RubricError as error:
        raise invalid(error.field, error.reason) from None
    return rubric


class LabelView(BaseModel):
    """A label of a question."""

    name: str
    value: float | None


class QuestionView(BaseModel):
    """A question with the fields of its kind; the others are null."""

    name: str
    kind: QuestionKind
    title: str
    required: bool
    metric: str | None = None
    labels: list[LabelView] | None = None
    low: float | None = None
    high: float | None = None
    step: float | None = None
    tolerance: float | None = None


def rubric_view(rubric: Sequence[RubricQuestion]) -> list[QuestionView]:
    """Return the view of a rubric."""
    found: list[dict[str, Any]] = rubric_to_json(rubric)
    return [QuestionView.model_validate(question) for question in found]
