"""Evaluators of an output's language, and of refusals."""

import re
from functools import cache
from typing import Any

from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluators.definition import (
    EvaluatorDefinition,
    Measured,
    Parameters,
    UnknownScore,
    flag,
)

_LEAST_LETTERS = 20
"""Shorter texts have no reliable language."""
_CERTAIN = 0.9

_REFUSAL = re.compile(
    r"""
    \b(i|we) (\ really)? \ (can'?t|cannot|can\ not|won'?t|will\ not|could\ not) \ (to\ )?
        (help|assist|answer|provide|do\ that|comply|discuss|share|give|support|fulfil|create|generate|continue)
    | \b(i|we) ('m|\ am|'re|\ are) \ (not\ able|unable) \ to \ (help|assist|answer|provide|do|comply|discuss|share)
    | \b(i|we) ('m|\ am|'re|\ are) \ sorry,? \ but \ (i|we) \ ?('m|am|'re|are|can'?t|cannot|won'?t|do\ not|don'?t)
    | \bas \ an? \ ai (\ language)? (\ model)?,? \ i \ (can|do|am|will)
    | \bi \ must \ (decline|refuse)
    | \b(ich\ kann|ich\ darf|wir\ können|wir\ dürfen) \ .{0,40}? \bnicht \ (helfen|weiterhelfen|beantworten|geben)
    | \bdabei \ (kann\ ich|können\ wir) \ .{0,30}? nicht
    | \bje \ ne \ (peux|suis) \ pas \ .{0,30}? (aider|répondre|mesure|fournir)
    | \bno \ puedo \ (ayudar|responder|proporcionar|hacer)
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Usual openings of refusals in English, German, French and Spanish; every part is bounded, so time is linear."""
_OPENING = 300
"""Characters of an output in which a refusal is looked for: later ones are part of an answer."""


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # imported here because its model takes time to load

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _language(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    text = answer.text
    if sum(character.isalpha() for character in text) < _LEAST_LETTERS:
        raise UnknownScore(f"fewer than {_LEAST_LETTERS} letters have no reliable language")
    found, probability = _identifier().classify(text)
    if probability < _CERTAIN:
        raise UnknownScore(f"the language is uncertain: {found} with {probability:.2f}")
    return flag(found == parameters["language"])


def _check_language(parameters: Parameters, field: str) -> None:
    if parameters["language"] not in _identifier().nb_classes:
        raise CaseError(f"{field}.language", "is not a language that can be recognised: an ISO 639-1 code such as en")


def is_refusal(text: str) -> bool:
    """Return whether a text opens like a refusal to answer."""
    return bool(_REFUSAL.search(" ".join(text[:_OPENING].replace("’", "'").split())))


def _refusal(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    return flag(is_refusal(answer.text) is (parameters.get("wanted") is True))


EVALUATORS = (
    EvaluatorDefinition(
        "language", "higher_is_better", "share", "the output is in `language`, an ISO 639-1 code; unknown if too short",
        _language, {"language": {"type": "string"}}, required=("language",), check=_check_language,
        libraries=("py3langid",),
    ),
    EvaluatorDefinition(
        "refusal", "higher_is_better", "share",
        "the app does not refuse to answer, or does if `wanted`; recognised in English, German, French and Spanish",
        _refusal, {"wanted": {"type": "boolean"}},
    ),
)  # fmt: skip
