"""What workers ask and report about tasks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from evaluator.domain.evaluation_run import SlotExamples
from evaluator.domain.task_answers import StoredAnswer
from ratchet_evaluation.domain.outcomes import EvaluationArm


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """A worker that asks for at most `limit` tasks of some prompts, or of all, in an environment of a project."""

    project: str
    environment: str
    worker: str
    prompts: tuple[str, ...] | None
    limit: int


class LeaseToken(NamedTuple):
    """The proof that a worker holds a task."""

    task_id: UUID
    token: UUID


class SetKey(NamedTuple):
    """Identity of a published set: project, environment, name and digest."""

    project: str
    environment: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class LeasedTask:
    """A task for a worker: the prompt to answer with, and what is asked."""

    task_id: UUID
    token: UUID
    evaluation_id: UUID
    arm: EvaluationArm
    repeat: int
    name: str
    digest: str
    document: Mapping[str, Any]
    case_id: str
    set_key: SetKey
    expires_at: datetime
    examples: SlotExamples = field(default_factory=dict)


class TaskReport(NamedTuple):
    """The answer to a task."""

    lease: LeaseToken
    answer: StoredAnswer
