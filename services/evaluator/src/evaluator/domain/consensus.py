"""Outcome of an annotation task: what its annotators agree on, and which questions they dispute."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from evaluator.domain.rubric import Answer, Answers, RubricQuestion

AnnotationState = Literal["open", "agreed", "disagreement", "adjudicated"]
"""Annotations are missing; annotators agree; an expert has to decide; an expert decided."""
_ROUNDING = 1e-9


class MetricRating(NamedTuple):
    """A rating on the scale of 0 to 1, which rests on `annotators` annotations."""

    metric: str
    value: float
    annotators: int


@dataclass(frozen=True, slots=True)
class Consensus:
    """The ratings that annotators agree on, by question; `disputed` are the questions that they don't agree on."""

    ratings: Answers
    disputed: tuple[str, ...]

    @property
    def state(self) -> AnnotationState:
        """The state of a task that has all its annotations."""
        return "disagreement" if self.disputed else "agreed"


def find_consensus(rubric: Sequence[RubricQuestion], annotations: Sequence[Answers]) -> Consensus:
    """Return what annotators agree on.

    Thumbs and labels agree by more than half of the answers to the question; scores by being at most the question's
    tolerance apart, with their mean as the outcome. Texts never disagree, and have no outcome.
    """
    ratings: dict[str, Answer] = {}
    disputed: list[str] = []
    for question in rubric:
        answers = [given[question.name] for given in annotations if question.name in given]
        if not question.is_rating or not answers:
            continue
        agreed = agreed_rating(question, answers)
        if agreed is None:
            disputed.append(question.name)
        else:
            ratings[question.name] = agreed
    return Consensus(ratings, tuple(disputed))


def agreed_rating(question: RubricQuestion, answers: Sequence[Answer]) -> Answer | None:
    """Return the rating that these answers agree on; None if they don't. Raises IndexError without an answer."""
    if question.kind == "score":
        scores = [float(answer) for answer in answers]
        apart = max(scores) - min(scores) > question.tolerance + _ROUNDING
        return None if apart else sum(scores) / len(scores)
    rating, count = Counter(answers).most_common(1)[0]
    return rating if 2 * count > len(answers) else None


def metric_ratings(
    rubric: Sequence[RubricQuestion], annotations: Sequence[Answers], outcome: Answers
) -> tuple[MetricRating, ...]:
    """Return what the outcome of a task rates, with the number of annotations that answered each question."""
    found = []
    for question in rubric:
        answer = outcome.get(question.name)
        value = None if answer is None or question.metric is None else question.value_of(answer)
        if value is not None and question.metric is not None:
            answered = sum(question.name in given for given in annotations)
            found.append(MetricRating(question.metric, value, answered))
    return tuple(found)
