"""Leases of tasks: a worker holds a task by a token until it expires; only the latest token may answer it.

Which tasks are free and which have failed is decided by queries: `TaskRepository.lease` and `fail_exhausted`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

LEASE = timedelta(seconds=30)
"""A worker extends its leases every ten seconds."""
MAX_ATTEMPTS = 3
EXHAUSTED = f"no worker finished it in {MAX_ATTEMPTS} attempts"
"""Message of the failed answer to a task whose leases all expired."""

AnswerOutcome = Literal["accepted", "repeated", "lost"]
"""Stored; stored before with this token; not stored: another worker has the lease, or the run needs no answer."""


@dataclass(frozen=True, slots=True)
class TaskState:
    """The lease of a task. `token` is that of the latest lease, also after its end; `wanted`: its run needs an answer.

    A task without a token was never leased, or was answered by none of its workers.
    """

    attempts: int = 0
    token: UUID | None = None
    expires_at: datetime | None = None
    answered: bool = False
    wanted: bool = True


def begin_lease(task: TaskState, token: UUID, now: datetime) -> TaskState:
    """Return the task with a new lease, which replaces an expired one."""
    return replace(task, attempts=task.attempts + 1, token=token, expires_at=now + LEASE)


def holds_lease(task: TaskState, token: UUID) -> bool:
    """Return whether a worker's lease can be extended: also an expired one, as long as no other worker has the task."""
    return task.wanted and not task.answered and task.token == token


def judge_answer(task: TaskState, token: UUID) -> AnswerOutcome:
    """Return what becomes of an answer with this token."""
    if task.token != token:
        return "lost"
    if task.answered:
        return "repeated"
    return "accepted" if task.wanted else "lost"
