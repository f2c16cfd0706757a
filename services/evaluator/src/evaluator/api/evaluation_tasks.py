"""HTTP API of workers: lease tasks of evaluations, extend the leases, and answer them."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import Field, model_validator

from evaluator.api.evaluation_models import AnsweredTasks, HeldTasks, LeasedTasks
from evaluator.domain.task_answers import MAX_RETURNED, StoredAnswer
from evaluator.domain.worker_requests import LeaseRequest, LeaseToken, TaskReport
from evaluator.task_service import CaseTask, TaskService
from ratchet_evaluation.domain.answers import FailureKind
from shared.auth.principal import Principal
from shared.problems import invalid
from shared.web.authentication import require
from shared.web.json_body import Label, RequestBody, body_operation, json_body
from shared.web.response_models import describe_response
from shared.web.routers import combine_routers

MAX_BODY = 1024 * 1024
_MOST_LEASED = 32
_MOST_TASKS = 1000
Worker = Annotated[Principal, Depends(require("evaluate"))]
TaskId = Annotated[UUID, Field(strict=False)]


class TaskLeases(RequestBody):
    """What a worker asks for. `prompts`: names of the prompts that it can answer with; all without it."""

    worker: Label
    prompts: Annotated[list[Annotated[str, Field(min_length=1, max_length=256)]], Field(max_length=100)] | None = None
    max: Annotated[int, Field(ge=1, le=1000)] = 8
    wait_s: Annotated[float, Field(ge=0.0, le=30.0)] = 20.0


class HeldTask(RequestBody):
    """A task with the token of its lease."""

    task_id: TaskId
    token: TaskId


class TaskHeartbeats(RequestBody):
    """The tasks that a worker is busy with."""

    tasks: Annotated[list[HeldTask], Field(max_length=_MOST_TASKS)]


class AnswerFailure(RequestBody):
    """How the app failed; the message is cut at 500 characters."""

    kind: FailureKind
    message: str = ""


class TaskAnswer(RequestBody):
    """What the app's function returned, as JSON, or how it failed; `ms` is how long it took."""

    task_id: TaskId
    token: TaskId
    returned: Any = None
    failure: AnswerFailure | None = None
    ms: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _has_one_result(self) -> Self:
        if ("returned" in self.model_fields_set) == (self.failure is not None):
            raise ValueError("must have either returned or failure")
        return self

    def report(self) -> TaskReport:
        """Return the answer as it is stored."""
        failure = None if self.failure is None else (self.failure.kind, self.failure.message[:500])
        return TaskReport(LeaseToken(self.task_id, self.token), StoredAnswer(self.returned, failure, self.ms))


class TaskAnswers(RequestBody):
    """Answers to tasks."""

    answers: Annotated[list[TaskAnswer], Field(max_length=_MOST_TASKS)]


_HELD = {"task_id": "5f0c9c0e-6f7f-5a54-9d6c-6c4c0e0f1f11", "token": "0d3c8d0e-90c1-4b5a-8a86-4c8f0f1f2f33"}
_LEASES = {"worker": "host-1", "prompts": ["answer"], "max": 8, "wait_s": 20}
_ANSWERS = {"answers": [{**_HELD, "returned": "Delivery takes 2 to 4 days.", "ms": 412.5}]}


def evaluation_tasks_router(service: TaskService) -> APIRouter:
    """Return the routes below `/v1/evaluation-tasks`."""
    return combine_routers(_lease_routes(service), _answer_routes(service))


def _lease_routes(service: TaskService) -> APIRouter:
    router = APIRouter(prefix="/v1/evaluation-tasks", tags=["evaluations"])

    @router.post("/leases", responses=describe_response(LeasedTasks), openapi_extra=body_operation(TaskLeases, _LEASES))
    async def leases(
        request: Request, principal: Worker, body: Annotated[TaskLeases, Depends(json_body(TaskLeases, limit=MAX_BODY))]
    ) -> dict[str, Any]:
        """Lease tasks for 30 s each: a prompt, and a case to answer with it. At most 32 at a time.

        Without a free task the response comes after up to `wait_s` seconds, with an empty list.
        """
        prompts = None if body.prompts is None else tuple(body.prompts)
        limit = min(body.max, _MOST_LEASED)
        wanted = LeaseRequest(principal.project, principal.environment, body.worker, prompts, limit)
        async with _disconnection(request) as gone:
            return {"tasks": _tasks(await service.lease(wanted, body.wait_s, gone))}

    @router.post(
        "/heartbeats",
        responses=describe_response(HeldTasks),
        openapi_extra=body_operation(TaskHeartbeats, {"tasks": [_HELD]}),
    )
    async def heartbeats(
        principal: Worker, body: Annotated[TaskHeartbeats, Depends(json_body(TaskHeartbeats, limit=MAX_BODY))]
    ) -> dict[str, Any]:
        """Extend leases by 30 s from now. `lost`: another worker has the task, or it is not needed any more."""
        leases = [LeaseToken(task.task_id, task.token) for task in body.tasks]
        kept = set(await service.extend(leases, (principal.project, principal.environment)))
        lost = dict.fromkeys(task.task_id for task in body.tasks if task.task_id not in kept)
        return {"kept": sorted(kept), "lost": [*lost]}

    return router


def _answer_routes(service: TaskService) -> APIRouter:
    router = APIRouter(prefix="/v1/evaluation-tasks", tags=["evaluations"])

    @router.post(
        "/answers", responses=describe_response(AnsweredTasks), openapi_extra=body_operation(TaskAnswers, _ANSWERS)
    )
    async def answers(
        principal: Worker, body: Annotated[TaskAnswers, Depends(json_body(TaskAnswers, limit=MAX_BODY))]
    ) -> dict[str, Any]:
        """Answer tasks. Repeating the request changes nothing: `repeated` has what was stored before with this token.

        `lost`: another worker has the task, or it is not needed any more. What the app returned may have 256 KiB.
        """
        _check_sizes(body.answers)
        reports = [answer.report() for answer in body.answers]
        outcomes = await service.answer(reports, (principal.project, principal.environment))
        found: dict[str, list[UUID]] = {"accepted": [], "repeated": [], "lost": []}
        for report, outcome in zip(reports, outcomes, strict=True):
            found[outcome].append(report.lease.task_id)
        return found

    return router


@asynccontextmanager
async def _disconnection(request: Request) -> "AsyncIterator[asyncio.Future[None]]":
    """Yield a future that is done when the client disconnects, or the server shuts down. The body was read before."""

    async def wait() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    task = asyncio.create_task(wait())
    try:
        yield task
    finally:
        task.cancel()


def _check_sizes(answers: Sequence[TaskAnswer]) -> None:
    for i, answer in enumerate(answers):
        if len(json.dumps(answer.returned)) > MAX_RETURNED:
            raise invalid(f"answers.{i}.returned", f"has more than {MAX_RETURNED} bytes of JSON")


def _tasks(tasks: Iterable[CaseTask]) -> list[dict[str, Any]]:
    return [
        {
            "task_id": task.leased.task_id,
            "token": task.leased.token,
            "evaluation_id": task.leased.evaluation_id,
            "arm": task.leased.arm,
            "repeat": task.leased.repeat,
            "prompt": {
                "name": task.leased.name,
                "digest": task.leased.digest,
                "document": task.leased.document,
                "examples": task.leased.examples,
            },
            "case": task.case.asked,
            "expires_at": task.leased.expires_at,
        }
        for task in tasks
    ]
