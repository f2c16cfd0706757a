"""`/v1/annotation-queues`: what people are asked about answers of an app, progress and agreement."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from evaluator.annotation_queue_service import AnnotationQueueService, QueueChange, get_queue
from evaluator.annotator_agreement import AgreementService
from evaluator.api.annotation_parameters import PATH, UNKNOWN_QUEUE, QueueName, queue_key
from evaluator.api.annotation_views import QueuePage, QueueView, ResultsView, queue_view, results_view
from evaluator.api.parameters import Limit, Reader, Target, Tuner
from evaluator.api.rubric_body import RubricBody, to_rubric
from evaluator.domain.annotation_queues import MAX_ANNOTATORS, AnnotationQueue
from evaluator.storage.annotation_queues import AnnotationQueueRepository
from shared.web.json_body import Label, RequestBody, body_operation, json_body
from shared.web.pagination import Cursor, Keyset
from shared.web.problem_docs import problems
from shared.web.routers import combine_routers


class QueueBody(RequestBody):
    """A queue. Fields that are left out do not change; in a new queue: one annotator, 10 minutes, no instructions."""

    target: Label
    rubric: RubricBody
    instructions: Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")] | None = None
    annotators: Annotated[int, Field(ge=1, le=MAX_ANNOTATORS)] | None = None
    reservation_minutes: Annotated[int, Field(ge=1, le=240)] | None = None


_RUBRIC = [
    {"name": "helpful", "kind": "thumb", "title": "Does it help the customer?", "metric": "thumb.helpful"},
    {
        "name": "tone",
        "kind": "label",
        "title": "How does it sound?",
        "labels": [{"name": "friendly"}, {"name": "cold"}],
    },
    {"name": "right", "kind": "score", "title": "How right is it?", "metric": "score.right", "low": 1, "high": 5},
    {"name": "better", "kind": "better_answer", "title": "A better answer", "required": False},
]
_EXAMPLE = {"target": "support-bot", "rubric": _RUBRIC, "instructions": "Judge only what is shown.", "annotators": 2}
_CREATED: dict[int | str, dict[str, Any]] = {201: {"model": QueueView, "description": "The queue is new"}}
_REFUSED = problems({409: ["target-fixed", "rubric-fixed", "too-many-queues"]})


def annotation_queues_router(
    engine: AsyncEngine, service: AnnotationQueueService, agreement: AgreementService
) -> APIRouter:
    """Return the router; it reads on connections of `engine`."""
    return combine_routers(_read_routes(engine, agreement), _change_routes(engine, service, agreement))


def _read_routes(engine: AsyncEngine, agreement: AgreementService) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["annotation"])

    @router.get("")
    async def list_queues(reader: Reader, target: Target = None, limit: Limit = 50, cursor: Cursor = None) -> QueuePage:
        """List the queues by name, with their tasks by state and the agreement of their annotators."""
        keyset = Keyset("annotation-queues", str, filters=(reader.project, reader.environment, target))
        (after,) = keyset.decode(cursor)
        async with engine.connect() as conn:
            saved = AnnotationQueueRepository(conn)
            found = await saved.list_queues(reader.project, reader.environment, target, after or "", limit)
            views = await _views(conn, agreement, found)
        page = keyset.page(views, limit, key=lambda view: (view.name,), view=lambda view: view)
        return QueuePage.model_validate(page)

    @router.get("/{name}", responses=UNKNOWN_QUEUE)
    async def get_one(name: QueueName, reader: Reader) -> QueueView:
        """Return a queue with its tasks by state and the agreement of its annotators."""
        async with engine.connect() as conn:
            return (await _views(conn, agreement, [await get_queue(conn, queue_key(reader, name))]))[0]

    @router.get("/{name}/results", responses=UNKNOWN_QUEUE)
    async def get_results(name: QueueName, reader: Reader) -> ResultsView:
        """Return the agreement on each question, and how each annotator differs from the consensus.

        Only tasks that have all their annotations count.
        """
        async with engine.connect() as conn:
            queue = await get_queue(conn, queue_key(reader, name))
            progress = (await AnnotationQueueRepository(conn).count_tasks([queue.id]))[queue.id]
            return results_view(progress, await agreement.get_results(conn, queue, progress))

    return router


def _change_routes(engine: AsyncEngine, service: AnnotationQueueService, agreement: AgreementService) -> APIRouter:
    router = APIRouter(prefix=PATH, tags=["annotation"])

    @router.put("/{name}", responses=_REFUSED | _CREATED, openapi_extra=body_operation(QueueBody, _EXAMPLE))
    async def put_queue(
        name: QueueName, tuner: Tuner, response: Response, body: Annotated[QueueBody, Depends(json_body(QueueBody))]
    ) -> QueueView:
        """Create a queue or change it. The target is fixed, and the rubric from the first reserved task on.

        Another number of annotators holds for tasks that are added from then on.
        """
        change = QueueChange(
            body.target, to_rubric(body.rubric), body.instructions, body.annotators, body.reservation_minutes
        )
        found, is_new = await service.put(queue_key(tuner, name), change, tuner.subject)
        response.status_code = 201 if is_new else 200
        async with engine.connect() as conn:
            return (await _views(conn, agreement, [found]))[0]

    return router


async def _views(conn: AsyncConnection, agreement: AgreementService, found: list[AnnotationQueue]) -> list[QueueView]:
    progress = await AnnotationQueueRepository(conn).count_tasks([queue.id for queue in found])
    return [
        queue_view(queue, progress[queue.id], await agreement.get_results(conn, queue, progress[queue.id]))
        for queue in found
    ]
