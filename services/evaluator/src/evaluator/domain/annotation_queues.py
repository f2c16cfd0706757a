"""Value types of annotation queues: what people are asked, about which answers of an app."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from evaluator.domain.consensus import AnnotationState
from evaluator.domain.rubric import Answers, RubricQuestion

QUEUE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MAX_QUEUES = 200
"""Queues of an environment."""
MAX_TASKS = 200_000
"""Tasks of a queue."""
MAX_ANNOTATORS = 9
"""Annotators of a task."""


class QueueKey(NamedTuple):
    """The identity of an annotation queue."""

    project: str
    environment: str
    name: str


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """What may change: `annotators` of a task that is added from then on; a reservation lasts `reservation_minutes`."""

    instructions: str
    rubric: tuple[RubricQuestion, ...]
    annotators: int
    reservation_minutes: int


@dataclass(frozen=True, slots=True)
class AnnotationQueue:
    """A queue without its tasks. Its target never changes."""

    id: UUID
    key: QueueKey
    target: str
    settings: QueueSettings
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class TaskContent:
    """What annotators see of an answer of an app, and the execution that it comes from, which they don't."""

    execution_id: str | None
    input: str | None
    output: str
    contexts: tuple[Mapping[str, Any], ...] = ()
    consent: Mapping[str, bool | None] | None = None


class NewTask(NamedTuple):
    """A task to add. `digest` identifies its execution, or its content without one."""

    digest: str
    content: TaskContent


@dataclass(frozen=True, slots=True)
class AnnotationTask:
    """A task with its outcome. `needed`: annotations until it is decided; `disputed`: questions without consensus."""

    id: UUID
    position: int
    content: TaskContent
    needed: int
    state: AnnotationState
    outcome: Answers
    disputed: tuple[str, ...]
    decided_at: datetime | None
    decided_by: str | None

    @property
    def is_correctable(self) -> bool:
        """Whether its annotators may correct their answers: nothing is decided, or only by the one annotator."""
        return self.state in ("open", "disagreement") or (self.state == "agreed" and self.needed == 1)


class OwnAnnotation(NamedTuple):
    """An annotation that its person may correct, with what it is about."""

    task_id: UUID
    content: TaskContent
    answers: Answers
    submitted_at: datetime


class ReplacedAnswers(NamedTuple):
    """What a person answered before a correction."""

    answers: Answers
    replaced_at: datetime


@dataclass(frozen=True, slots=True)
class ReservedTask:
    """A task that one person works on, until `expires_at`."""

    task_id: UUID
    token: UUID
    content: TaskContent
    reserved_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SubmittedAnnotation:
    """The answers of one person to the rubric of a task."""

    task_id: UUID
    annotator: str
    answers: Answers
    reserved_at: datetime
    submitted_at: datetime


@dataclass(frozen=True, slots=True)
class QueueProgress:
    """Tasks of a queue by state. `closed_positions`: the sum of the positions of those that are not open.

    Results rest on closed tasks: if others are closed, or one was erased, the progress differs.
    """

    open: int = 0
    agreed: int = 0
    disagreement: int = 0
    adjudicated: int = 0
    closed_positions: int = 0
