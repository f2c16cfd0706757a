"""Golden cases drafted from recorded executions, for people to review: bad ones, corrected ones, and borderline ones.

Executions are given as `GET /v1/executions/{id}` shows them. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

CaseSource = Literal["thumb-down", "low-rating", "correction", "low-score", "boundary", "disagreement"]
"""Executions that people did not like, corrected, that scored low, that are near a limit of a score, or that scored
well although people did not like them."""
SOURCES: tuple[CaseSource, ...] = get_args(CaseSource)
SCORED = frozenset({"low-score", "boundary", "disagreement"})
"""Sources that need a metric and a limit."""
SIMILAR: dict[str, Any] = {"name": "similarity", "threshold": 0.8}
"""Evaluator of a corrected case without another one: the output is like the correction."""
_LOW_RATING = 2.0
_MAX_ORIGIN = 200


@dataclass(frozen=True, slots=True)
class CaseQuery:
    """Which executions are to become cases. `metric` is a score such as `score.faithfulness`, more of which is better;
    `limit` is its value from which on an answer is good, `within` how near to it the borderline ones are."""

    source: CaseSource
    metric: str | None = None
    limit: float | None = None
    within: float = 0.1

    def filters(self) -> dict[str, object]:
        """Return the parameters of `GET /v1/executions`. Raises ValueError where metric or limit is missing."""
        if self.source == "thumb-down":
            return {"metric": "thumb", "max": 0}
        if self.source == "low-rating":
            return {"metric": "rating", "max": _LOW_RATING if self.limit is None else self.limit}
        if self.source == "correction":
            return {"feedback": "correction"}
        if self.metric is None or self.limit is None:
            raise ValueError(f"{self.source} needs a metric and a limit")
        bounds = {
            "low-score": {"max": self.limit},
            "boundary": {"min": self.limit - self.within, "max": self.limit + self.within},
            "disagreement": {"min": self.limit},
        }
        return {"metric": self.metric, **bounds[self.source]}

    def matches(self, execution: Mapping[str, Any]) -> bool:
        """Return whether an execution that passed the filters is wanted."""
        return self.source != "disagreement" or any(
            each["kind"] == "thumb" and each["value"] == 0 and each["source"] == "explicit" and not each["replaced"]
            for each in execution["feedback"]
        )


def draft_case(
    execution: Mapping[str, Any],
    source: CaseSource,
    evaluators: Sequence[Mapping[str, Any]] = (),
    with_contexts: bool = False,
) -> dict[str, Any] | None:
    """Return the case that asks what an execution was asked; None if there is nothing to ask or to judge it by.

    The latest correction is its reference. `with_contexts`: the app is to use the same contexts; otherwise it retrieves
    its own. A case of a user who refused this use is none.
    """
    correction = _correction(execution)
    judged = [*evaluators] or ([SIMILAR] if correction else [])
    if not execution.get("input") or not judged or execution["consent"]["quality"] is False:
        return None
    case: dict[str, Any] = {
        "input": execution["input"],
        "evaluators": [dict(each) for each in judged],
        "tags": [f"from:{source}"],
        "origin": f"execution:{execution['id']}"[-_MAX_ORIGIN:],
        "consent": dict(execution["consent"]),
    }
    if execution.get("user"):
        case["user"] = execution["user"]
    if correction:
        case["reference"] = correction
    texts = [
        (each["id"] or f"doc-{i}", each["text"]) for i, each in enumerate(execution["contexts"], 1) if each["text"]
    ]
    if with_contexts and texts:
        case["contexts"] = [{"id": id_, "text": text} for id_, text in texts]
    return case


def _correction(execution: Mapping[str, Any]) -> str | None:
    found = [
        each["text"]
        for each in execution["feedback"]
        if each["kind"] == "correction" and each["text"] and not each["replaced"]
    ]
    return found[-1] if found else None
