"""The outcome of an ingested item. Pure."""

from typing import NamedTuple

from collector.domain.model import ItemStatus, Mismatch, Status
from shared.problems import Problem, printable

MAX_LISTED_ERRORS = 20
_CHANGED = "Feedback with a new id replaces the previous one of the same user, kind, name and execution."

Outcome = Status | Problem
"""The outcome of an item: `accepted`, `duplicate`, or why it was refused or failed."""


class ItemResult(NamedTuple):
    """The outcome of one item. Refused items may have no id."""

    id: str | None
    outcome: Outcome


def outcome_of_status(status: ItemStatus) -> Outcome:
    """Return the outcome of an item that the database answered for: a conflict is a problem."""
    if status == "conflict":
        error = {"field": "Idempotency-Key", "reason": "was used with another body"}
        return Problem(422, "idempotency-conflict", "The key was used before", error["reason"], [error])
    if status == "changed":
        error = {"field": "id", "reason": "was used with another body, which was kept; what changed needs a new id"}
        return Problem(409, "id-conflict", "The id was used before", f"id: {error['reason']}. {_CHANGED}", [error])
    if isinstance(status, Mismatch):
        errors = [{"field": printable(field), "reason": reason} for field, reason in status.fields[:MAX_LISTED_ERRORS]]
        detail = "; ".join(f"{error['field']}: {error['reason']}" for error in errors)
        return Problem(409, "id-conflict", "The execution was recorded with other values", detail, errors)
    return status


def overloaded() -> Problem:
    """Return the problem of a request that may be sent again unchanged, with the same ids or Idempotency-Key."""
    return Problem(
        503, "busy", "The collector can't accept more requests now", "try again", headers={"Retry-After": "1"}
    )
