"""Rubrics of annotation queues: the questions about a task, and checks of the answers to them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

QuestionKind = Literal["thumb", "label", "score", "comment", "better_answer"]
Answer: TypeAlias = bool | float | str
"""A thumb (true: up), a score, or a text: the name of a label, a comment, a better answer."""
Answers: TypeAlias = Mapping[str, Answer]
"""By the name of the question; questions without an answer are left out."""

RATING_KINDS = frozenset({"thumb", "label", "score"})
MAX_TEXT = 20_000
"""Characters of a comment or a better answer."""
_ROUNDING = 1e-9


class RubricLabel(NamedTuple):
    """A label to choose. `value`, of 0 to 1, is what it is worth where the question rates a metric."""

    name: str
    value: float | None = None


@dataclass(frozen=True, slots=True)
class RubricQuestion:
    """A question of a rubric. `metric`: what the answer rates.

    A score is a multiple of `step` from `low` to `high`; scores that are at most `tolerance` apart agree.
    """

    name: str
    kind: QuestionKind
    title: str
    required: bool = True
    metric: str | None = None
    labels: tuple[RubricLabel, ...] = ()
    low: float = 1.0
    high: float = 5.0
    step: float = 1.0
    tolerance: float = 1.0

    @property
    def is_rating(self) -> bool:
        """Whether annotators can agree or disagree about it."""
        return self.kind in RATING_KINDS

    @property
    def choices(self) -> tuple[Answer, ...]:
        """The answers to choose from, in their order; none for texts."""
        if self.kind == "thumb":
            return (True, False)
        if self.kind == "label":
            return tuple(label.name for label in self.labels)
        if self.kind != "score":
            return ()
        return tuple(self.low + self.step * i for i in range(round((self.high - self.low) / self.step) + 1))

    def value_of(self, answer: Answer) -> float | None:
        """Return a rating on the scale of 0 to 1; None for a text, and for a label that is worth nothing."""
        if self.kind == "thumb":
            return 1.0 if answer is True else 0.0
        if self.kind == "label":
            return {label.name: label.value for label in self.labels}.get(str(answer))
        return (float(answer) - self.low) / (self.high - self.low) if self.kind == "score" else None


class RubricError(ValueError):
    """A rubric or an answer is wrong. `field` is its path, `reason` says what is wrong."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


def check_answers(
    rubric: Sequence[RubricQuestion], given: Mapping[str, object], field: str = "answers"
) -> dict[str, Answer]:
    """Return the answers in the order of the rubric. Raises RubricError, which names the question."""
    known = {question.name: question for question in rubric}
    for name in given:
        if name not in known:
            raise RubricError(f"{field}.{name}", f"is not a question; the questions are {', '.join(known)}")
    found: dict[str, Answer] = {}
    for name, question in known.items():
        if given.get(name) is not None:
            found[name] = _answer(question, given[name], f"{field}.{name}")
        elif question.required:
            raise RubricError(f"{field}.{name}", "is missing: this question needs an answer")
    if not found:
        raise RubricError(field, "must have an answer")
    return found


def _answer(question: RubricQuestion, value: object, field: str) -> Answer:
    if question.kind == "thumb":
        return _thumb(value, field)
    if question.kind == "label":
        names = [label.name for label in question.labels]
        if value not in names:
            raise RubricError(field, f"must be one of {', '.join(names)}")
        return str(value)
    return _score(question, value, field) if question.kind == "score" else _text(value, field)


def _thumb(value: object, field: str) -> bool:
    if not isinstance(value, bool):
        raise RubricError(field, "must be true (up) or false (down)")
    return value


def _score(question: RubricQuestion, value: object, field: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise RubricError(field, "must be a number")
    if not question.low <= value <= question.high:
        raise RubricError(field, f"must be from {question.low:g} to {question.high:g}")
    steps = (value - question.low) / question.step
    if abs(steps - round(steps)) > _ROUNDING * max(1.0, steps):
        raise RubricError(field, f"must be {question.low:g} and a multiple of {question.step:g}")
    return float(value)


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise RubricError(field, "must be a text")
    if not value.strip() or "\x00" in value or len(value) > MAX_TEXT:
        raise RubricError(field, f"must be a text of 1 to {MAX_TEXT:,} characters, not only spaces")
    return value
