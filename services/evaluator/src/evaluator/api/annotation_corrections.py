"""`…/corrections`: what a person may correct of the own annotations, and corrections of them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncEngine

from evaluator.annotation_queue_service import get_queue
from evaluator.annotation_service import AnnotationService
from evaluator.api.annotation_parameters import (
    PATH,
    UNKNOWN_QUEUE,
    Annotator,
    QueueName,
    ReadingPerson,
    TaskId,
    queue_key,
)
from evaluator.api.annotation_views import ContextView, content_fields
from evaluator.domain.consensus import AnnotationState
from evaluator.storage.annotation_corrections import AnnotationCorrectionRepository
from shared.web.json_body import RequestBody, body_operation, json_body
from shared.web.problem_docs import problems

_SHOWN = 20
_ERRORS = problems({404: ["unknown-queue", "unknown-task", "unknown-annotation"], 409: ["task-decided"]})


class CorrectionBody(RequestBody):
    """Answers by question, which replace those that you gave."""

    answers: dict[str, Any] = Field(max_length=50)


class OwnAnnotationView(BaseModel):
    """What you answered about a task that is not decided."""

    id: UUID
    input: str | None
    output: str
    contexts: list[ContextView]
    answers: dict[str, Any]
    submitted_at: datetime


class OwnAnnotations(BaseModel):
    """Your latest annotations that can be corrected."""

    items: list[OwnAnnotationView]


class CorrectedView(BaseModel):
    """The state of the task with the corrected answers."""

    state: AnnotationState


def annotation_corrections_router(engine: AsyncEngine, service: AnnotationService) -> APIRouter:
    """Return the routes; they read on connections of `engine`."""
    router = APIRouter(prefix=f"{PATH}/{{name}}", tags=["annotation"])

    @router.get("/corrections", responses=UNKNOWN_QUEUE)
    async def list_own(name: QueueName, person: ReadingPerson) -> OwnAnnotations:
        """List your latest 20 annotations of tasks that are not decided, so that they can be corrected."""
        async with engine.connect() as conn:
            queue = await get_queue(conn, queue_key(person, name))
            found = await AnnotationCorrectionRepository(conn, queue.id).list_own(person.subject, _SHOWN)
        return OwnAnnotations(
            items=[
                OwnAnnotationView(
                    id=each.task_id,
                    **content_fields(each.content),
                    answers=dict(each.answers),
                    submitted_at=each.submitted_at,
                )
                for each in found
            ]
        )

    @router.post(
        "/tasks/{task_id}/corrections",
        responses=_ERRORS,
        openapi_extra=body_operation(CorrectionBody, {"answers": {"helpful": False, "tone": "cold", "right": 2}}),
    )
    async def correct(
        name: QueueName,
        task_id: TaskId,
        person: Annotator,
        body: Annotated[CorrectionBody, Depends(json_body(CorrectionBody))],
    ) -> CorrectedView:
        """Replace your answers to a task that is not decided. What you answered before is kept for the export."""
        task = await service.correct(queue_key(person, name), task_id, body.answers, person.subject)
        return CorrectedView(state=task.state)

    return router
