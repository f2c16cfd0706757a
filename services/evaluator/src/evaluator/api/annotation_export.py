"""`GET /v1/annotation-queues/{name}/annotations`: all annotations with the names of annotators, as JSON or lines."""

import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from evaluator.annotation_queue_service import get_queue
from evaluator.api.annotation_parameters import PATH, UNKNOWN_QUEUE, Auditor, QueueName, queue_key
from evaluator.api.case_body import NDJSON
from evaluator.api.parameters import Limit
from evaluator.domain.annotation_queues import AnnotationQueue, AnnotationTask, ReplacedAnswers, SubmittedAnnotation
from evaluator.domain.consensus import AnnotationState
from evaluator.storage.annotation_corrections import AnnotationCorrectionRepository
from evaluator.storage.annotation_tasks import AnnotationTaskRepository
from evaluator.storage.annotations import AnnotationRepository
from shared.web.pagination import Cursor, Keyset
from shared.web.routers import combine_routers

_CHUNK = 500
"""Tasks that are in memory at a time."""


class ReplacedView(BaseModel):
    """Answers that a correction replaced at `replaced_at`."""

    answers: dict[str, Any]
    replaced_at: datetime


class GivenAnnotation(BaseModel):
    """The answers of one person, who held the task from `reserved_at` on."""

    annotator: str
    answers: dict[str, Any]
    reserved_at: datetime
    submitted_at: datetime
    replaced: list[ReplacedView] = Field(description="What the person answered before corrections, the oldest first")


class AnnotatedTask(BaseModel):
    """A task that has all its annotations, with its execution and outcome."""

    id: UUID
    execution_id: str | None
    input: str | None
    output: str
    state: AnnotationState
    outcome: dict[str, Any]
    disputed: list[str]
    decided_at: datetime | None
    decided_by: str | None
    annotations: list[GivenAnnotation]


class AnnotatedPage(BaseModel):
    """A page of annotated tasks, in the order of the queue."""

    items: list[AnnotatedTask]
    next: str | None = Field(description="The `cursor` of the next page; null if there is none")


TaskAnnotations = Mapping[UUID, Sequence[tuple[SubmittedAnnotation, Sequence[ReplacedAnswers]]]]
"""Task → its annotations, each with what it replaced."""
_LINES: dict[int | str, dict[str, Any]] = {200: {"content": {NDJSON[0]: {"schema": {"type": "string"}}}}}


def annotation_export_router(engine: AsyncEngine) -> APIRouter:
    """Return the routes; they read on connections of `engine`."""
    return combine_routers(_list_route(engine), _export_route(engine))


def _list_route(engine: AsyncEngine) -> APIRouter:
    router = APIRouter(prefix=f"{PATH}/{{name}}", tags=["annotation"])

    @router.get("/annotations", responses=UNKNOWN_QUEUE)
    async def list_annotations(
        name: QueueName, auditor: Auditor, limit: Limit = 50, cursor: Cursor = None
    ) -> AnnotatedPage:
        """List the tasks that have all their annotations, with the names of annotators and their answers."""
        key = queue_key(auditor, name)
        keyset = Keyset("annotations", int, filters=key)
        (after,) = keyset.decode(cursor)
        async with engine.connect() as conn:
            queue = await get_queue(conn, key)
            found = await AnnotationTaskRepository(conn, queue.id).list_closed(after or 0, limit)
            given = await _load_given(conn, queue, found)
        page = keyset.page(found, limit, key=lambda it: (it.position,), view=lambda it: _view(it, given))
        return AnnotatedPage.model_validate(page)

    return router


def _export_route(engine: AsyncEngine) -> APIRouter:
    router = APIRouter(prefix=f"{PATH}/{{name}}", tags=["annotation"])

    @router.get("/export", response_class=StreamingResponse, responses=UNKNOWN_QUEUE | _LINES)
    async def export_annotations(
        name: QueueName, auditor: Auditor, format: Literal["jsonl"] = "jsonl"
    ) -> StreamingResponse:
        """Stream all tasks that have all their annotations, a line of JSON each, as `…/annotations` lists them."""
        async with engine.connect() as conn:
            queue = await get_queue(conn, queue_key(auditor, name))
        headers = {"Content-Disposition": f'attachment; filename="{name}.{format}"'}
        return StreamingResponse(_lines(engine, queue), media_type=NDJSON[0], headers=headers)

    return router


async def _lines(engine: AsyncEngine, queue: AnnotationQueue) -> AsyncGenerator[bytes, None]:
    after = 0
    while True:
        async with engine.connect() as conn:
            found = await AnnotationTaskRepository(conn, queue.id).list_closed(after, _CHUNK)
            given = await _load_given(conn, queue, found)
        if not found:
            return
        after = found[-1].position
        yield b"".join(_line(_view(task, given)) for task in found)


async def _load_given(
    conn: AsyncConnection, queue: AnnotationQueue, found: Sequence[AnnotationTask]
) -> TaskAnnotations:
    ids = [task.id for task in found]
    replaced = await AnnotationCorrectionRepository(conn, queue.id).list_replaced(ids)
    given = await AnnotationRepository(conn, queue.id).list_annotations(ids)
    return {
        id_: [(each, replaced.get((id_, each.annotator), [])) for each in annotations]
        for id_, annotations in given.items()
    }


def _line(task: AnnotatedTask) -> bytes:
    return json.dumps(task.model_dump(mode="json"), ensure_ascii=False).encode() + b"\n"


def _view(task: AnnotationTask, given: TaskAnnotations) -> AnnotatedTask:
    return AnnotatedTask(
        id=task.id,
        execution_id=task.content.execution_id,
        input=task.content.input,
        output=task.content.output,
        state=task.state,
        outcome=dict(task.outcome),
        disputed=list(task.disputed),
        decided_at=task.decided_at,
        decided_by=task.decided_by,
        annotations=[
            GivenAnnotation(
                annotator=it.annotator,
                answers=dict(it.answers),
                reserved_at=it.reserved_at,
                submitted_at=it.submitted_at,
                replaced=[ReplacedView(answers=dict(each.answers), replaced_at=each.replaced_at) for each in replaced],
            )
            for it, replaced in given.get(task.id, ())
        ],
    )
