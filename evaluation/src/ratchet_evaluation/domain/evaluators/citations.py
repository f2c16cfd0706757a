"""Evaluator of citations: they are there, and each refers to a context."""

from ratchet_evaluation.domain.answers import AppAnswer
from ratchet_evaluation.domain.case_fields import CaseError
from ratchet_evaluation.domain.cases import GoldenCase
from ratchet_evaluation.domain.evaluators.bounded_regex import check_pattern, found_groups
from ratchet_evaluation.domain.evaluators.definition import (
    EvaluatorDefinition,
    Measured,
    Parameters,
    UnknownScore,
)

_MARKER = r"\[([\w.:/-]+(?:\s*,\s*[\w.:/-]+)*)\](?!\()"
"""`[1]`, `[doc-3]` or `[1, 2]`, and not the text of a Markdown link."""


def _citations(case: GoldenCase, answer: AppAnswer, parameters: Parameters) -> Measured:
    contexts = case.contexts if answer.contexts is None else answer.contexts
    if contexts is None:
        raise UnknownScore("neither the case nor the app gave contexts")
    groups = found_groups(str(parameters.get("pattern", _MARKER)), answer.text)
    cited = [each.strip() for group in groups for each in group.split(",")]
    known = {context.id for context in contexts} | {str(i + 1) for i in range(len(contexts))}
    resolved = sum(each in known for each in cited)
    return Measured(resolved / len(cited) if cited else 0.0, bool(cited) and resolved == len(cited))


def _check(parameters: Parameters, field: str) -> None:
    if "pattern" in parameters:
        check_pattern(parameters["pattern"], f"{field}.pattern")
        if "(" not in str(parameters["pattern"]):
            raise CaseError(f"{field}.pattern", "must have a group with the id of the context")


EVALUATORS = (
    EvaluatorDefinition(
        "citations", "higher_is_better", "share",
        "share of citations such as [1] or [doc-3] that are a context's id or position; passes if all are, and any is",
        _citations, {"pattern": {"type": "string"}}, check=_check, libraries=("regex",),
    ),
)  # fmt: skip
