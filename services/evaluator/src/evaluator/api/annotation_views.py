"""What the API shows of annotation queues, tasks and agreement. Never a prompt version, an arm or a judge's score."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from evaluator.annotator_agreement import QueueResults
from evaluator.api.rubric_body import QuestionView, rubric_view
from evaluator.domain.annotation_queues import AnnotationQueue, AnnotationTask, QueueProgress, ReservedTask, TaskContent
from evaluator.domain.annotation_results import AnnotatorBias, QuestionAgreement
from evaluator.domain.consensus import AnnotationState
from evaluator.domain.rubric import Answers
from ratchet_evaluation.domain.statistics.agreement import Agreement


class ProgressView(BaseModel):
    """Tasks by state."""

    open: int
    agreed: int
    disagreement: int
    adjudicated: int


class StatisticView(BaseModel):
    """A figure over `n` tasks with its 95 % bootstrap interval; null where it is not defined."""

    value: float | None
    low: float | None
    high: float | None
    n: int


class AgreementView(BaseModel):
    """Agreement beyond chance on a question; kappas fit thumbs and labels only."""

    question: str
    cohen_kappa: StatisticView | None
    fleiss_kappa: StatisticView | None
    krippendorff_alpha: StatisticView


class QueueView(BaseModel):
    """A queue. `annotators` is the number for each task that is added from now on."""

    name: str
    target: str
    instructions: str
    rubric: list[QuestionView]
    annotators: int
    reservation_minutes: int
    created_at: datetime
    created_by: str
    tasks: ProgressView
    agreement: list[AgreementView]


class QueuePage(BaseModel):
    """A page of queues, by name."""

    items: list[QueueView]
    next: str | None = Field(description="The `cursor` of the next page; null if there is none")


class BiasView(BaseModel):
    """How a person differs from the consensus: an expert's decision, else what the others agree on."""

    annotator: str
    question: str
    share_agreeing: StatisticView
    mean_difference: StatisticView | None = Field(description="On the scale of 0 to 1; above 0: rates higher")


class ResultsView(BaseModel):
    """Results of the tasks that have all their annotations."""

    tasks: ProgressView
    agreement: list[AgreementView]
    annotators: list[BiasView]


class ContextView(BaseModel):
    """A text that the app was given."""

    id: str | None
    text: str


class HeldTaskView(BaseModel):
    """A task that you hold until `expires_at`, by its token."""

    id: UUID
    token: UUID
    input: str | None
    output: str
    contexts: list[ContextView]
    reserved_at: datetime
    expires_at: datetime


class NextTaskView(BaseModel):
    """The task that you hold; null if there is none."""

    task: HeldTaskView | None


class TaskView(BaseModel):
    """A task that has all its annotations. `answers` are those of its annotators, without their names."""

    id: UUID
    state: AnnotationState
    input: str | None
    output: str
    contexts: list[ContextView]
    answers: list[dict[str, Any]]
    outcome: dict[str, Any]
    disputed: list[str]
    decided_at: datetime | None
    decided_by: str | None


class TaskPage(BaseModel):
    """A page of tasks, in the order of the queue."""

    items: list[TaskView]
    next: str | None = Field(description="The `cursor` of the next page; null if there is none")


def queue_view(queue: AnnotationQueue, progress: QueueProgress, results: QueueResults) -> QueueView:
    """Return the view of a queue."""
    return QueueView(
        name=queue.key.name,
        target=queue.target,
        instructions=queue.settings.instructions,
        rubric=rubric_view(queue.settings.rubric),
        annotators=queue.settings.annotators,
        reservation_minutes=queue.settings.reservation_minutes,
        created_at=queue.created_at,
        created_by=queue.created_by,
        tasks=_progress(progress),
        agreement=[_agreement(it) for it in results.agreements],
    )


def results_view(progress: QueueProgress, results: QueueResults) -> ResultsView:
    """Return the view of results."""
    return ResultsView(
        tasks=_progress(progress),
        agreement=[_agreement(it) for it in results.agreements],
        annotators=[_bias(it) for it in results.biases],
    )


def next_task_view(task: ReservedTask | None) -> NextTaskView:
    """Return the view of the task that a person holds."""
    if task is None:
        return NextTaskView(task=None)
    times = {"reserved_at": task.reserved_at, "expires_at": task.expires_at}
    return NextTaskView(task=HeldTaskView(id=task.task_id, token=task.token, **content_fields(task.content), **times))


def task_view(task: AnnotationTask, answers: Sequence[Answers]) -> TaskView:
    """Return the view of a task."""
    return TaskView(
        id=task.id,
        state=task.state,
        **content_fields(task.content),
        answers=[dict(given) for given in answers],
        outcome=dict(task.outcome),
        disputed=list(task.disputed),
        decided_at=task.decided_at,
        decided_by=task.decided_by,
    )


def content_fields(content: TaskContent) -> dict[str, Any]:
    """Return the fields of what annotators see of a task."""
    contexts = [ContextView(id=it.get("id"), text=it["text"]) for it in content.contexts]
    return {"input": content.input, "output": content.output, "contexts": contexts}


def _progress(progress: QueueProgress) -> ProgressView:
    return ProgressView(
        open=progress.open,
        agreed=progress.agreed,
        disagreement=progress.disagreement,
        adjudicated=progress.adjudicated,
    )


def _statistic(found: Agreement) -> StatisticView:
    return StatisticView(value=found.value, low=found.low, high=found.high, n=found.n)


def _agreement(found: QuestionAgreement) -> AgreementView:
    return AgreementView(
        question=found.question.name,
        cohen_kappa=None if found.cohen_kappa is None else _statistic(found.cohen_kappa),
        fleiss_kappa=None if found.fleiss_kappa is None else _statistic(found.fleiss_kappa),
        krippendorff_alpha=_statistic(found.krippendorff_alpha),
    )


def _bias(found: AnnotatorBias) -> BiasView:
    return BiasView(
        annotator=found.annotator,
        question=found.question,
        share_agreeing=_statistic(found.share_agreeing),
        mean_difference=None if found.mean_difference is None else _statistic(found.mean_difference),
    )
