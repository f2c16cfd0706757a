"""Answers to tasks as they are stored, and as they are scored. Whatever the app returned becomes an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evaluator.domain.task_leases import EXHAUSTED
from ratchet_evaluation.domain.answers import AppAnswer, FailureKind, failed_answer, parse_answer
from ratchet_evaluation.domain.case_fields import CaseError

MAX_RETURNED = 256 * 1024
"""Bytes of JSON that a worker may return for one task."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What a worker reported: what the app's function returned, or how it failed; and its milliseconds, if known."""

    returned: Any = None
    failure: tuple[FailureKind, str] | None = None
    ms: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form of the answer."""
        if self.failure is not None:
            kind, message = self.failure
            return {"failure": {"kind": kind, "message": message}, "ms": self.ms}
        return {"returned": self.returned, "ms": self.ms}


def exhausted_answer() -> StoredAnswer:
    """Return the answer to a task that no worker finished."""
    return StoredAnswer(failure=("crash", EXHAUSTED))


def to_app_answer(stored: Mapping[str, Any]) -> AppAnswer:
    """Return a stored answer for its evaluators; a returned value that is no answer is a failure of the app."""
    ms = stored.get("ms")
    failure = stored.get("failure")
    if failure is not None:
        return failed_answer(failure["kind"], failure["message"], ms)
    try:
        return parse_answer(stored.get("returned"), ms)
    except CaseError as error:
        return failed_answer("invalid", f"the returned value: {error}", ms)
