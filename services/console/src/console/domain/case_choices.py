"""What the page offers to draft golden cases from, and how their answers are to be evaluated (pure)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ratchet.case_drafts import SIMILAR, CaseQuery, CaseSource, draft_case

SOURCES: Mapping[CaseSource, str] = {
    "thumb-down": "Thumb down",
    "low-rating": "Low rating",
    "correction": "Corrected",
    "low-score": "Score below the limit",
    "boundary": "Score near the limit",
    "disagreement": "Good score, but thumb down",
}
EVALUATIONS = {
    "similar": "is like the correction",
    "refusal": "is not a refusal",
    "citations": "cites its contexts",
    "contains": "contains this text",
}


@dataclass(frozen=True, slots=True)
class DraftedCase:
    """An execution with the case that it would become, as JSON; `correction` is its reference, if it has one."""

    execution: Mapping[str, Any]
    case: str
    correction: str | None


def evaluators_for(evaluation: str, text: str | None) -> list[dict[str, Any]]:
    """Return the evaluators of an entry of `EVALUATIONS`; none where its text is missing."""
    if evaluation == "contains":
        return [{"name": "contains", "values": [text]}] if text else []
    return [SIMILAR if evaluation == "similar" else {"name": evaluation}]


def drafted_cases(
    executions: Sequence[Mapping[str, Any] | None], query: CaseQuery, evaluators: Sequence[Mapping[str, Any]]
) -> list[DraftedCase]:
    """Return the cases of executions. One that is to be like its correction needs a correction."""
    found = []
    for execution in executions:
        if execution is None or not query.matches(execution):
            continue
        case = draft_case(execution, query.source, evaluators)
        if case is not None and (SIMILAR not in evaluators or "reference" in case):
            found.append(DraftedCase(execution, json.dumps(case, ensure_ascii=False), case.get("reference")))
    return found


def cases_of(execution: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the cases that an execution may become: what a good answer is, and the case as JSON."""
    found = []
    for evaluation, label in EVALUATIONS.items():
        evaluators = evaluators_for(evaluation, None)
        case = draft_case(execution, "correction", evaluators) if evaluators else None
        if case is not None and (SIMILAR not in evaluators or "reference" in case):
            found.append((label, json.dumps({**case, "tags": ["from:execution"]}, ensure_ascii=False)))
    return found
