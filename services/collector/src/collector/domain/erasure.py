"""Erasure of a user: which messages are about them. Pure."""

from collections.abc import Callable, Sequence
from typing import Any, Literal
from uuid import UUID

from pydantic_core import from_json

from collector.domain.erasure_status import Erasure
from shared.events.erasure import ExecutionsErased

Erased = Literal[
    "executions", "waiting_feedback", "outbox_messages", "logged_executions", "logged_feedback", "current_feedback",
    "views", "dead_letters", "archived_executions", "archived_feedback", "archive_files", "raw_copies",
]  # fmt: skip
"""What the collector erases, as it is counted."""
Counts = dict[Erased, int]

PART = 5_000
"""References in one event: 200 KB."""
EVENTS = ("execution.recorded", "feedback.created")
SUBMISSIONS = ("execution.submitted", "feedback.submitted")


def is_about(topic: str, payload: bytes, project: str, subject: str) -> bool:
    """Return whether a message is about a user: their execution, their feedback, or feedback about their execution."""
    if subject.encode() not in payload:
        return False
    if topic not in EVENTS:  # a mirrored dead letter
        return True
    event: dict[str, Any] = from_json(payload)
    facts = event.get("facts") or event.get("execution") or {}
    return event["project"] == project and subject in (event.get("user"), facts.get("user"))


def submitted_by(payload: bytes, subject: str, pseudonym: Callable[[str], str]) -> bool:
    """Return whether a submission, which has a user's plain id, is that of the user with this pseudonym."""
    try:
        user = from_json(from_json(payload)["body"])["user"]
    except (ValueError, KeyError, TypeError):
        return False
    return user is not None and pseudonym(str(user)) == subject


def executions_erased(erasure: Erasure, references: Sequence[UUID]) -> list[ExecutionsErased]:
    """Return the events that tell which executions of a user were erased; at least one, also without any."""
    starts = range(0, max(len(references), 1), PART)
    return [
        ExecutionsErased(
            project=erasure.project,
            environment=erasure.environment,
            erasure_id=erasure.id,
            subject=erasure.subject,
            by=erasure.requested_by,
            part=number,
            last=start == starts[-1],
            references=tuple(references[start : start + PART]),
        )
        for number, start in enumerate(starts, 1)
    ]
