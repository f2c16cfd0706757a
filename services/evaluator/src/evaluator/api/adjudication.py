"""`/v1/annotation-queues/{name}/tasks`: tasks with all annotations, decisions of experts, and cases made of them."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.annotation_queue_service import get_queue
from evaluator.annotation_service import AnnotationService, unknown_task
from evaluator.api.annotation_parameters import (
    PATH,
    UNKNOWN_QUEUE,
    Annotator,
    Expert,
    QueueName,
    TaskId,
    queue_key,
)
from evaluator.api.annotation_views import TaskPage, TaskView, task_view
from evaluator.api.dataset_cases import Added, added_view
from evaluator.api.parameters import Limit, Reader
from evaluator.dataset_service import DatasetService
from evaluator.domain.annotation_queues import MAX_ANNOTATORS, AnnotationTask, QueueKey
from evaluator.domain.better_answers import better_answer_case, choose_better_answer
from evaluator.domain.case_addition import SentCase
from evaluator.domain.datasets import DatasetKey
from evaluator.domain.rubric import RubricError
from evaluator.storage.annotation_tasks import AnnotationTaskRepository
from evaluator.storage.annotations import AnnotationRepository
from shared.problems import invalid
from shared.web.json_body import Label, RequestBody, body_operation, json_body
from shared.web.pagination import Cursor, Keyset
from shared.web.problem_docs import problems
from shared.web.routers import combine_routers

ClosedState = Literal["agreed", "disagreement", "adjudicated"]


class DecisionBody(RequestBody):
    """An expert's answers to the disputed questions, by name."""

    answers: dict[str, Any]


class BetterAnswerBody(RequestBody):
    """Which better answer becomes the reference of a case.

    `annotation` is its position in `answers` of the task, from 0; it is needed if there are different ones. The
    `evaluators` of the case are by default `similarity` of at least 0.7 to the better answer.
    """

    dataset: Label
    question: Label
    annotation: Annotated[int, Field(ge=0, le=MAX_ANNOTATORS)] | None = None
    evaluators: Annotated[list[Any], Field(min_length=1, max_length=20)] | None = None


_REFUSED = problems({403: ["own-annotation"], 404: ["unknown-queue", "unknown-task"], 409: ["no-disagreement"]})
_UNKNOWN = problems({404: ["unknown-queue", "unknown-task", "unknown-dataset"]})


def adjudication_router(engine: AsyncEngine, service: AnnotationService, datasets: DatasetService) -> APIRouter:
    """Return the routes; they read on connections of `engine`."""
    return combine_routers(_read_routes(engine), _decision_routes(engine, service), _case_routes(engine, datasets))


def _read_routes(engine: AsyncEngine) -> APIRouter:
    router = APIRouter(prefix=f"{PATH}/{{name}}/tasks", tags=["annotation"])

    @router.get("", responses=UNKNOWN_QUEUE)
    async def list_tasks(
        name: QueueName, reader: Reader, state: ClosedState = "disagreement", limit: Limit = 50, cursor: Cursor = None
    ) -> TaskPage:
        """List the tasks of a state with the answers of their annotators, which have no names.

        Open tasks are not listed: their annotators must not see what others answered.
        """
        key = queue_key(reader, name)
        keyset = Keyset("annotation-tasks", int, filters=(*key, state))
        (after,) = keyset.decode(cursor)
        async with engine.connect() as conn:
            queue = await get_queue(conn, key)
            found = await AnnotationTaskRepository(conn, queue.id).list_tasks(state, after or 0, limit)
            given = await AnnotationRepository(conn, queue.id).list_annotations([task.id for task in found])
        answers = {task.id: [it.answers for it in given.get(task.id, ())] for task in found}
        page = keyset.page(
            found, limit, key=lambda task: (task.position,), view=lambda task: task_view(task, answers[task.id])
        )
        return TaskPage.model_validate(page)

    return router


def _decision_routes(engine: AsyncEngine, service: AnnotationService) -> APIRouter:
    router = APIRouter(prefix=f"{PATH}/{{name}}/tasks/{{task_id}}", tags=["annotation"])

    @router.post(
        "/decisions", responses=_REFUSED, openapi_extra=body_operation(DecisionBody, {"answers": {"helpful": True}})
    )
    async def decide(
        name: QueueName,
        task_id: TaskId,
        expert: Expert,
        body: Annotated[DecisionBody, Depends(json_body(DecisionBody))],
    ) -> TaskView:
        """Decide the disputed questions of a task that you have not annotated. A decision is final."""
        key = queue_key(expert, name)
        task = await service.adjudicate(key, task_id, body.answers, expert.subject)
        async with engine.connect() as conn:
            queue = await get_queue(conn, key)
            return task_view(task, await AnnotationRepository(conn, queue.id).list_answers(task_id))

    return router


def _case_routes(engine: AsyncEngine, datasets: DatasetService) -> APIRouter:
    router = APIRouter(prefix=f"{PATH}/{{name}}/tasks/{{task_id}}", tags=["annotation"])

    @router.post(
        "/cases",
        responses=_UNKNOWN,
        openapi_extra=body_operation(BetterAnswerBody, {"dataset": "returns", "question": "better"}),
    )
    async def propose_case(
        name: QueueName,
        task_id: TaskId,
        person: Annotator,
        body: Annotated[BetterAnswerBody, Depends(json_body(BetterAnswerBody))],
    ) -> Added:
        """Propose the input of a task with a better answer as its reference for a dataset; a person accepts it there.

        The task must have all its annotations.
        """
        case = await _case(engine, queue_key(person, name), task_id, body)
        key = DatasetKey(person.project, person.environment, body.dataset)
        addition = await datasets.add_cases(key, [SentCase(1, case)], person.subject)
        for problem in addition.problems:
            raise invalid(f"case.{problem.field}", problem.reason)
        return added_view(addition)

    return router


async def _case(engine: AsyncEngine, key: QueueKey, task_id: TaskId, body: BetterAnswerBody) -> object:
    """Return the case that a task becomes. Raises Problem 404 or 422."""
    async with engine.connect() as conn:
        queue = await get_queue(conn, key)
        task: AnnotationTask | None = await AnnotationTaskRepository(conn, queue.id).get(task_id)
        if task is None or task.state == "open":
            raise unknown_task()
        given = await AnnotationRepository(conn, queue.id).list_answers(task_id)
    try:
        better = choose_better_answer(queue.settings.rubric, given, body.question, body.annotation)
    except RubricError as error:
        raise invalid(error.field, error.reason) from None
    return better_answer_case(task, key.name, better, body.evaluators)
