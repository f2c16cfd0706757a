"""`/v1/annotation-queues/{name}/tasks` and `…/next`: add tasks, and what annotators do with them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.annotation_queue_service import AnnotationQueueService, get_queue
from evaluator.annotation_service import AnnotationService
from evaluator.api.annotation_parameters import (
    PATH,
    UNKNOWN_QUEUE,
    Annotator,
    QueueName,
    ReadingPerson,
    TaskId,
    Token,
    queue_key,
)
from evaluator.api.annotation_views import NextTaskView, next_task_view
from evaluator.api.parameters import Tuner
from evaluator.domain.annotation_queues import TaskContent
from evaluator.domain.consensus import AnnotationState
from evaluator.storage.reservations import ReservationRepository
from shared.problems import invalid
from shared.runtime.clock import Clock
from shared.web.json_body import RequestBody, body_operation, json_body
from shared.web.problem_docs import problems
from shared.web.routers import combine_routers

MAX_BODY = 3_000_000
"""Bytes of a request with tasks."""
Text = Annotated[str, Field(max_length=200_000, pattern=r"^[^\x00]*$")]
Identifier = Annotated[str, Field(max_length=256, pattern=r"^[^\x00]+$")]


class TaskContext(RequestBody):
    """A text that the app was given."""

    id: Identifier | None = None
    text: Text


class TaskConsent(RequestBody):
    """What the user agreed to; null is unknown."""

    quality: bool | None = None
    learning: bool | None = None


class TaskBody(RequestBody):
    """An answer of an app. `execution_id`: the execution that it comes from, which annotators don't see."""

    execution_id: Identifier | None = None
    input: Text | None = None
    output: Annotated[str, Field(min_length=1, max_length=200_000, pattern=r"^[^\x00]*$")]
    contexts: list[TaskContext] = Field(default_factory=list, max_length=100)
    consent: TaskConsent | None = None


class TasksBody(RequestBody):
    """Answers of an app that people are to judge."""

    tasks: Annotated[list[TaskBody], Field(min_length=1, max_length=500)]


class AddedTasks(BaseModel):
    """Numbers of tasks: `repeated` are those that the queue had already."""

    added: int
    repeated: int


class AnnotationBody(RequestBody):
    """Answers to the questions of the rubric, by name. A repeat with the same token and answers counts once."""

    token: Token
    answers: dict[str, Any]


class SkipBody(RequestBody):
    """The token of the reservation that ends."""

    token: Token


class SubmittedView(BaseModel):
    """The result of a submission. `state`: of the task now; `repeated`: the same answers were stored before."""

    repeated: bool
    state: AnnotationState


class SkippedView(BaseModel):
    """The task was given back; you don't get it again."""

    skipped: bool = True


_TASK = {"execution_id": "e-17", "input": "Can I return shoes?", "output": "Yes, within 30 days.", "contexts": []}
_TOKEN = "0d3c8d0e-90c1-4b5a-8a86-4c8f0f1f2f33"  # noqa: S105 # of a reservation, no secret
_ANSWERS = {"token": _TOKEN, "answers": {"helpful": True, "tone": "friendly", "right": 4}}
_LOST = problems({404: ["unknown-queue", "unknown-task"], 409: ["reservation-ended", "annotation-exists"]})


def annotation_tasks_router(
    engine: AsyncEngine, queues: AnnotationQueueService, service: AnnotationService, clock: Clock
) -> APIRouter:
    """Return the routes; they read on connections of `engine`."""
    return combine_routers(_addition_route(queues), _next_routes(engine, service, clock), _annotation_routes(service))


def _addition_route(queues: AnnotationQueueService) -> APIRouter:
    router = APIRouter(prefix=f"{PATH}/{{name}}", tags=["annotation"])

    @router.post(
        "/tasks",
        responses=UNKNOWN_QUEUE | problems({409: ["queue-full"]}),
        openapi_extra=body_operation(TasksBody, {"tasks": [_TASK]}),
    )
    async def add_tasks(
        name: QueueName, tuner: Tuner, body: Annotated[TasksBody, Depends(json_body(TasksBody, limit=MAX_BODY))]
    ) -> AddedTasks:
        """Add answers of the app to a queue. An execution, or the same content without one, is added once.

        An answer whose user refused this use (`consent.quality` is false) is an error.
        """
        contents = [_content(task, f"tasks.{i}") for i, task in enumerate(body.tasks)]
        addition = await queues.add_tasks(queue_key(tuner, name), contents, tuner.subject)
        return AddedTasks(added=len(addition.tasks), repeated=addition.repeated)

    return router


def _next_routes(engine: AsyncEngine, service: AnnotationService, clock: Clock) -> APIRouter:
    router = APIRouter(prefix=f"{PATH}/{{name}}/next", tags=["annotation"])

    @router.get("", responses=UNKNOWN_QUEUE)
    async def get_held(name: QueueName, person: ReadingPerson) -> NextTaskView:
        """Return the task that you hold; nothing is reserved or renewed."""
        async with engine.connect() as conn:
            queue = await get_queue(conn, queue_key(person, name))
            held = await ReservationRepository(conn, queue.id, person.subject).get_held(clock.now())
        return next_task_view(held)

    @router.post("", responses=UNKNOWN_QUEUE)
    async def reserve_next(name: QueueName, person: Annotator) -> NextTaskView:
        """Reserve the next task for you, or renew the reservation of the one that you hold.

        Null: no task is left for you. You see neither prompt version nor judge, nor what others answered.
        """
        return next_task_view(await service.reserve(queue_key(person, name), person.subject))

    return router


def _annotation_routes(service: AnnotationService) -> APIRouter:
    router = APIRouter(prefix=f"{PATH}/{{name}}/tasks/{{task_id}}", tags=["annotation"])

    @router.post("/annotations", responses=_LOST, openapi_extra=body_operation(AnnotationBody, _ANSWERS))
    async def submit(
        name: QueueName,
        task_id: TaskId,
        person: Annotator,
        body: Annotated[AnnotationBody, Depends(json_body(AnnotationBody))],
    ) -> SubmittedView:
        """Answer the task that you hold. After the end of your reservation nothing is stored (409)."""
        found = await service.submit(queue_key(person, name), task_id, body.token, body.answers, person.subject)
        return SubmittedView(repeated=found.repeated, state=found.task.state)

    @router.post("/skip", responses=_LOST, openapi_extra=body_operation(SkipBody, {"token": _TOKEN}))
    async def skip(
        name: QueueName, task_id: TaskId, person: Annotator, body: Annotated[SkipBody, Depends(json_body(SkipBody))]
    ) -> SkippedView:
        """Give the task that you hold back without an answer. Others may take it."""
        await service.skip(queue_key(person, name), task_id, body.token, person.subject)
        return SkippedView()

    return router


def _content(body: TaskBody, field: str) -> TaskContent:
    if body.consent is not None and body.consent.quality is False:
        raise invalid(f"{field}.consent.quality", "is false: its user refused this use, so leave it out")
    contexts = tuple(context.model_dump() for context in body.contexts)
    consent = None if body.consent is None else body.consent.model_dump()
    return TaskContent(body.execution_id, body.input, body.output, contexts, consent)
