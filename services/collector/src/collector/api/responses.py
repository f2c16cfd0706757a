"""What a client is told about its items. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from pydantic_core import to_json

from collector.domain.model import Judgement, Mismatch, Status
from shared.problems import Problem, printable
from shared.runtime.failures import FailureClass, classify, is_data_fault, sqlstate_of

JSON = b"application/json"
PROBLEM = b"application/problem+json"

_SHOWN_ERRORS = 20
_CHANGED = "Feedback with a new id replaces the former one of the same user, kind, name and execution."
_STATUSES = ("accepted", "duplicate", "refused", "failed")

Outcome = Status | Problem


class HttpResponse(NamedTuple):
    """An HTTP response."""

    status: int
    body: bytes
    media: bytes = JSON
    headers: Mapping[str, str] = MappingProxyType({})

    def with_headers(self, more: Mapping[str, str]) -> "HttpResponse":
        """The same with more headers."""
        return HttpResponse(self.status, self.body, self.media, {**more, **self.headers}) if more else self


class ItemResult(NamedTuple):
    """What became of one item. Refused items may have no id."""

    id: str | None
    outcome: Outcome


def outcome_of(outcome: Judgement | Exception) -> Outcome:
    """What the committer gave back, as it is told: a conflict or a failure of the item is a problem.

    Raises Problem 503 where the item may be sent again.
    """
    if outcome == "conflict":
        error = {"field": "Idempotency-Key", "reason": "was used with another body"}
        return Problem(422, "idempotency-conflict", "The key was used before", error["reason"], [error])
    if outcome == "changed":
        error = {"field": "id", "reason": "was used with another body, which was kept; what changed needs a new id"}
        return Problem(409, "id-conflict", "The id was used before", f"id: {error['reason']}. {_CHANGED}", [error])
    if isinstance(outcome, Mismatch):
        errors = [{"field": printable(field), "reason": reason} for field, reason in outcome.fields[:_SHOWN_ERRORS]]
        detail = "; ".join(f"{error['field']}: {error['reason']}" for error in errors)
        return Problem(409, "id-conflict", "The execution was recorded otherwise", detail, errors)
    if isinstance(outcome, Exception):
        if classify(outcome) is FailureClass.RETRYABLE:
            raise overloaded() from outcome
        if is_data_fault(outcome):
            detail = f"the database refuses a value of it ({sqlstate_of(outcome)})"
            return Problem(422, "invalid", "The item can't be stored", detail)
        return Problem(500, "internal", "Something went wrong here; it was logged")
    return outcome


def overloaded() -> Problem:
    """Nothing is wrong with the request: it may come again, with the same ids or Idempotency-Key."""
    return Problem(503, "busy", "The collector can't take more now", "try again", headers={"Retry-After": "1"})


def refused(problem: Problem) -> HttpResponse:
    return HttpResponse(problem.status, problem.encoded(), PROBLEM, problem.headers)


def single_response(result: ItemResult) -> HttpResponse:
    """The answer to one object."""
    if isinstance(result.outcome, Problem):
        return refused(result.outcome)
    return HttpResponse(200, to_json({"id": result.id, "status": result.outcome}))


def outcome_response(item_id: str, outcome: Judgement | Exception) -> HttpResponse:
    """The answer to one object, from what the committer gave back."""
    try:
        return single_response(ItemResult(item_id, outcome_of(outcome)))
    except Problem as problem:
        return refused(problem)


def batch_response(results: Sequence[ItemResult]) -> HttpResponse:
    """The answer to an array: 200; 207 where some items were refused or failed; a problem where none was kept.

    `refused` is an item's own fault and for good; what `failed` may be sent again. The problem is 422 where all were
    refused, else 503.
    """
    shown = [_shown(index, result) for index, result in enumerate(results)]
    counts = {status: sum(item["status"] == status for item in shown) for status in _STATUSES}
    document = {**counts, "results": shown}
    kept = counts["accepted"] + counts["duplicate"]
    if kept:
        return HttpResponse(200 if kept == len(results) else 207, to_json(document))
    if counts["failed"]:
        problem = overloaded()
        return HttpResponse(503, to_json({**problem.body(), **document}), PROBLEM, problem.headers)
    errors = [error for index, result in enumerate(results) for error in _errors(index, result)][:_SHOWN_ERRORS]
    problem = Problem(422, "all-refused", "No item of the array was taken", None, errors)
    return HttpResponse(422, to_json({**problem.body(), **document}), PROBLEM)


def _shown(index: int, result: ItemResult) -> dict[str, object]:
    if isinstance(result.outcome, Problem):
        status = "failed" if result.outcome.status >= 500 else "refused"
        return {"index": index, "id": result.id, "status": status, "problem": result.outcome.body()}
    return {"index": index, "id": result.id, "status": result.outcome}


def _errors(index: int, result: ItemResult) -> list[dict[str, str]]:
    assert isinstance(result.outcome, Problem)
    return [{**error, "field": f"[{index}].{error['field']}"} for error in result.outcome.errors]
