"""`/v1/erasures`: erase a user everywhere, and see how far that is."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from collector.domain.erasure_status import ErasureStatus
from collector.domain.execution_filter import is_user_hash
from collector.domain.schemas import Person
from collector.erasures.service import ErasureService
from collector.ingest.service import PseudonymKeyCache
from shared.auth.principal import Principal
from shared.problems import Problem, invalid
from shared.web.authentication import require
from shared.web.problem_docs import problems

Admin = Annotated[Principal, Depends(require("admin", person=True))]


class ErasureBody(BaseModel):
    """Whom to erase: the app's own id of the user, which is not stored, or its hash."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [{"user_id": "u-17"}]})

    user_id: Annotated[Person | None, Field(description="The app's own id, as in `user` of its requests")] = None
    user_hash: Annotated[Person | None, Field(description="The field `user` of a stored execution")] = None


class ServiceErasure(BaseModel):
    """What one service has erased, by kind; `completed_at` is null until it has reported."""

    service: str
    completed_at: datetime | None
    erased: dict[str, int]


class ErasureView(BaseModel):
    """An erasure. `subject` is the hash of the user's id; `complete` once no service is waited for."""

    id: UUID
    subject: str
    complete: bool
    requested_by: str
    requested_at: datetime
    completed_at: datetime | None
    waits_for: list[str]
    services: list[ServiceErasure]


def erasures_router(service: ErasureService, pseudonym_key: PseudonymKeyCache) -> APIRouter:
    """Return the routes, for persons with the scope `admin`; they act on the caller's project."""
    router = APIRouter(prefix="/v1/erasures", tags=["erasures"])

    @router.post("", status_code=202, responses=problems({503: ["busy"]}))
    async def request_erasure(principal: Admin, body: ErasureBody) -> ErasureView:
        """Erase a user in all environments of the project, and drop what arrives about them later.

        A request for a user whose erasure is not complete yet returns that erasure.
        """
        subject = await _subject(body, principal.project, pseudonym_key)
        return _view(await service.request(principal, subject))

    @router.get("/{erasure_id}", responses=problems({404: ["erasure-unknown"]}))
    async def get_erasure(principal: Admin, erasure_id: UUID) -> ErasureView:
        """Return what each service has erased, and which have not reported yet."""
        status = await service.get(principal.project, erasure_id)
        if status is None:
            raise Problem(404, "erasure-unknown", "This project has no erasure of this id")
        return _view(status)

    return router


async def _subject(body: ErasureBody, project: str, pseudonym_key: PseudonymKeyCache) -> str:
    """Return the hash of the user. Raises Problem 422 unless exactly one of the two fields is given."""
    if (body.user_id is None) == (body.user_hash is None):
        raise invalid("user_id", "give either user_id or user_hash")
    if body.user_id is not None:
        return (await pseudonym_key.get()).pseudonym(project, body.user_id)
    if not is_user_hash(str(body.user_hash)):
        raise invalid("user_hash", "must be the field `user` of an execution, such as k1:0f…, with 32 hex digits")
    return str(body.user_hash)


def _view(status: ErasureStatus) -> ErasureView:
    return ErasureView.model_validate(status.view())
