"""Reference model of the queries that lease tasks and fail them: what `TaskRepository` must select."""

from datetime import datetime

from evaluator.domain.task_leases import MAX_ATTEMPTS, TaskState


def can_lease(task: TaskState, now: datetime) -> bool:
    """Return whether a worker may lease the task."""
    return task.wanted and not task.answered and task.attempts < MAX_ATTEMPTS and _is_free(task, now)


def is_exhausted(task: TaskState, now: datetime) -> bool:
    """Return whether the last lease of a task expired: it becomes a failed answer, and its token is void."""
    return task.wanted and not task.answered and task.attempts >= MAX_ATTEMPTS and _is_free(task, now)


def _is_free(task: TaskState, now: datetime) -> bool:
    return task.expires_at is None or task.expires_at <= now
