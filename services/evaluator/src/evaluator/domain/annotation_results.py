"""Agreement of annotators on each question, and how each of them differs from the others."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evaluator.domain.consensus import agreed_rating
from evaluator.domain.rubric import Answer, Answers, RubricQuestion
from ratchet_evaluation.domain.statistics.agreement import Agreement
from ratchet_evaluation.domain.statistics.counted_agreement import (
    CountedStatistic,
    RatingPattern,
    counted_agreement,
)


@dataclass(frozen=True, slots=True)
class AnswerPattern:
    """Answers to one question that `count` tasks have, by annotator; `decided` is that of an expert, or None."""

    question: str
    answers: Mapping[str, Answer]
    decided: Answer | None
    count: int


@dataclass(frozen=True, slots=True)
class QuestionAgreement:
    """Agreement beyond chance; None where a statistic does not fit: kappas are for thumbs and labels.

    Cohen's kappa is that of two people, Fleiss' kappa that of tasks with equally many answers, Krippendorff's alpha
    fits all.
    """

    question: RubricQuestion
    cohen_kappa: Agreement | None
    fleiss_kappa: Agreement | None
    krippendorff_alpha: Agreement


@dataclass(frozen=True, slots=True)
class AnnotatorBias:
    """How one person differs from the consensus: an expert's decision, else what the other annotators agree on.

    `share_agreeing`: of the answers that equal it; `mean_difference`: on the scale of 0 to 1, above 0 where the person
    rates higher; None for labels that are worth nothing.
    """

    annotator: str
    question: str
    share_agreeing: Agreement
    mean_difference: Agreement | None


def question_agreements(
    rubric: Sequence[RubricQuestion], patterns: Sequence[AnswerPattern]
) -> tuple[QuestionAgreement, ...]:
    """Return the agreement on each rating question, in the order of the rubric."""
    return tuple(
        _agreement(question, [it for it in patterns if it.question == question.name])
        for question in rubric
        if question.is_rating
    )


def annotator_biases(rubric: Sequence[RubricQuestion], patterns: Sequence[AnswerPattern]) -> tuple[AnnotatorBias, ...]:
    """Return how each annotator differs from the consensus, by question and name."""
    found: list[AnnotatorBias] = []
    for question in rubric:
        own = [it for it in patterns if it.question == question.name]
        for annotator in sorted({name for it in own for name in it.answers}):
            compared = list(_compared(question, annotator, own))
            if compared:
                found.append(_bias(question, annotator, compared))
    return tuple(found)


def _agreement(question: RubricQuestion, patterns: Sequence[AnswerPattern]) -> QuestionAgreement:
    rated = [it for it in patterns if len(it.answers) > 1]
    codes = {answer: float(i) for i, answer in enumerate(question.choices)}
    names = sorted({name for it in rated for name in it.answers})
    counted = [
        RatingPattern(tuple(_code(question, codes, it.answers[name]) for name in names if name in it.answers), it.count)
        for it in rated
    ]
    sizes = {len(it.ratings) for it in counted}
    is_nominal = question.kind != "score"
    alpha: CountedStatistic = "nominal_alpha" if is_nominal else "interval_alpha"
    return QuestionAgreement(
        question,
        counted_agreement("cohen_kappa", counted) if is_nominal and len(names) == 2 else None,
        counted_agreement("fleiss_kappa", counted) if is_nominal and len(sizes) == 1 else None,
        counted_agreement(alpha, counted),
    )


def _code(question: RubricQuestion, codes: Mapping[Answer, float], answer: Answer) -> float:
    return float(answer) if question.kind == "score" else codes[answer]


def _compared(
    question: RubricQuestion, annotator: str, patterns: Sequence[AnswerPattern]
) -> Iterator[tuple[Answer, Answer, int]]:
    """Yield a person's answer, the consensus that it is compared with, and the number of such tasks."""
    for it in patterns:
        if annotator in it.answers:
            others: Answers = {name: answer for name, answer in it.answers.items() if name != annotator}
            known = it.decided
            if known is None and others:
                known = agreed_rating(question, list(others.values()))
            if known is not None:
                yield it.answers[annotator], known, it.count


def _bias(question: RubricQuestion, annotator: str, compared: Sequence[tuple[Answer, Answer, int]]) -> AnnotatorBias:
    equal = [RatingPattern((float(_agrees(question, own, known)),), count) for own, known, count in compared]
    apart = []
    for own, known, count in compared:
        left, right = question.value_of(own), question.value_of(known)
        if left is not None and right is not None:
            apart.append(RatingPattern((left - right,), count))
    return AnnotatorBias(
        annotator,
        question.name,
        counted_agreement("mean", equal),
        counted_agreement("mean", apart) if apart else None,
    )


def _agrees(question: RubricQuestion, own: Answer, known: Answer) -> bool:
    return agreed_rating(question, [own, known]) is not None
