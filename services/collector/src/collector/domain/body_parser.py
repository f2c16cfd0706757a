"""From parsed JSON values to request bodies, by a struct where that is possible, else by pydantic. Pure."""

from typing import TypeVar

from pydantic import ValidationError

from collector.domain.item_outcomes import MAX_LISTED_ERRORS
from collector.domain.ordinary_bodies import OrdinaryBodies
from collector.domain.schemas import ExecutionBody, FeedbackBody, Scoped
from shared.problems import Problem, printable, reason_of

B = TypeVar("B", bound=Scoped)

_BRANCHES = frozenset({"str", "bool", "int", "float", "[key]", "[text]", "[object]"})
"""Names of the branches of unions in the paths of errors."""
_FEEDBACK = OrdinaryBodies(FeedbackBody)
_EXECUTIONS = OrdinaryBodies(ExecutionBody)


def read_feedback(item: object) -> FeedbackBody:
    """Return the body of a feedback. Raises Problem 422, which names the invalid fields."""
    return _FEEDBACK.read(item) or validate_body(FeedbackBody, item)


def read_execution(item: object) -> ExecutionBody:
    """Return the body of an execution. Raises Problem 422, which names the invalid fields."""
    return _EXECUTIONS.read(item) or validate_body(ExecutionBody, item)


def validate_body(body_type: type[B], item: object) -> B:
    """Return `item` as a body. Raises Problem 422, which names up to 20 invalid fields."""
    try:
        body: B = body_type.__pydantic_validator__.validate_python(item)
        return body
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)[:MAX_LISTED_ERRORS]
        errors = [{"field": _path(fault["loc"]), "reason": reason_of(fault)} for fault in faults]
        detail = "; ".join(f"{error['field']}: {error['reason']}" for error in errors)
        raise Problem(422, "invalid", "The request is not valid", detail, errors) from None


def _path(loc: tuple[int | str, ...]) -> str:
    """Return the field's path in the body, such as `prompts[0].name`."""
    path = ""
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part not in _BRANCHES:
            path += f".{part}" if path else part
    return printable(path or "body")
