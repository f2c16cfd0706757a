"""Evaluators of retrieval: NDCG@k, recall@k and the reciprocal rank, of the contexts that the app reports, best first.

Definitions: Manning, Raghavan and Schütze (2008), Introduction to Information Retrieval, section 8.4, with linear gain
as in trec_eval and scikit-learn. A context that is reported twice counts at its first rank.
"""

import math
from collections.abc import Mapping, Sequence

from ratchet.prompt import Json
from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluators.definition import (
    EvaluatorDefinition,
    Measured,
    Parameters,
    UnknownScore,
    graded,
)
from ratchet_evaluation.domain.evaluators.texts import THRESHOLD


def ndcg(ranked: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    """Return the normalised discounted cumulative gain of the first `k`; grades are those of relevant ids."""
    ideal = _dcg(sorted(grades.values(), reverse=True)[:k])
    return _dcg([grades.get(each, 0.0) for each in dict.fromkeys(ranked)][:k]) / ideal


def recall(ranked: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    """Return the share of relevant ids among the first `k`."""
    return len(grades.keys() & set([*dict.fromkeys(ranked)][:k])) / len(grades)


def reciprocal_rank(ranked: Sequence[str], grades: Mapping[str, float], k: int) -> float:
    """Return 1 / rank of the first relevant id among the first `k`, else 0. Its mean over cases is MRR."""
    ranks = [rank for rank, each in enumerate(dict.fromkeys(ranked), 1) if each in grades and rank <= k]
    return 1.0 / ranks[0] if ranks else 0.0


def _dcg(gains: Sequence[float]) -> float:
    return math.fsum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def _grades(relevant: Json) -> dict[str, float]:
    """Return grades by id; an id of a list has the grade 1, a grade of 0 is not relevant."""
    pairs = relevant.items() if isinstance(relevant, dict) else [(each, 1) for each in relevant or ()]  # type: ignore[union-attr]
    return {str(key): float(grade) for key, grade in pairs if isinstance(grade, int | float) and grade > 0}


def _check(parameters: Parameters, field: str) -> None:
    if not _grades(parameters["relevant"]):
        raise CaseError(f"{field}.relevant", "must name a relevant context")


def _inputs(answer: AppAnswer, parameters: Parameters) -> tuple[list[str], dict[str, float], int]:
    if answer.contexts is None:
        raise UnknownScore("the app did not report its contexts")
    ranked = [context.id for context in answer.contexts]
    k = parameters.get("k")
    return ranked, _grades(parameters["relevant"]), k if isinstance(k, int) else max(1, len(ranked))


def _ndcg(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    return graded(ndcg(*_inputs(answer, parameters)), parameters)


def _recall(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    return graded(recall(*_inputs(answer, parameters)), parameters)


def _mrr(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    return graded(reciprocal_rank(*_inputs(answer, parameters)), parameters)


_GRADE: Json = {"type": "number", "minimum": 0}
_RELEVANT: Json = {
    "anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "object", "additionalProperties": _GRADE}]
}
_PARAMETERS: dict[str, Json] = {
    "relevant": _RELEVANT,
    "k": {"type": "integer", "minimum": 1, "maximum": 1000},
    "threshold": THRESHOLD,
}

EVALUATORS = (
    EvaluatorDefinition(
        "ndcg_at_k", "higher_is_better", "share", "NDCG of the first `k` contexts by the grades in `relevant`",
        _ndcg, _PARAMETERS, required=("relevant", "k", "threshold"), check=_check,
    ),
    EvaluatorDefinition(
        "recall_at_k", "higher_is_better", "share", "share of the `relevant` contexts among the first `k`",
        _recall, _PARAMETERS, required=("relevant", "k", "threshold"), check=_check,
    ),
    EvaluatorDefinition(
        "mrr", "higher_is_better", "share", "1 / rank of the first `relevant` context, among the first `k` if given",
        _mrr, _PARAMETERS, required=("relevant", "threshold"), check=_check,
    ),
)  # fmt: skip
