"""Reservations of annotation tasks: a person holds a task by a token until it expires."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from evaluator.domain.rubric import Answers

ReservationState = Literal["reserved", "submitted", "skipped"]
SubmissionOutcome = Literal["accepted", "repeated", "changed", "lost"]
"""Stored; stored before with the same answers; stored before with others; not stored: the reservation has ended."""


@dataclass(frozen=True, slots=True)
class TaskReservation:
    """What one person did with a task. `answers` are those of a submitted one."""

    token: UUID
    state: ReservationState
    expires_at: datetime
    answers: Answers | None = None

    def is_held(self, now: datetime) -> bool:
        """Return whether the person may still submit or skip the task."""
        return self.state == "reserved" and now < self.expires_at


def judge_submission(
    reservation: TaskReservation | None, token: UUID, answers: Answers, now: datetime
) -> SubmissionOutcome:
    """Return what becomes of answers with this token. None: the person has no reservation of the task."""
    if reservation is None or reservation.token != token:
        return "lost"
    if reservation.state == "submitted":
        return "repeated" if reservation.answers == answers else "changed"
    return "accepted" if reservation.is_held(now) else "lost"


def judge_skip(
    reservation: TaskReservation | None, token: UUID, now: datetime
) -> Literal["accepted", "repeated", "lost"]:
    """Return what becomes of a request to skip the task with this token."""
    if reservation is None or reservation.token != token:
        return "lost"
    if reservation.state == "skipped":
        return "repeated"
    return "accepted" if reservation.is_held(now) else "lost"
