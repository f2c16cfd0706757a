"""`/v1/views`: saved views of the list of executions, one's own and those that others of the project share."""

import json
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row

from collector.api.execution_filters import Reader
from collector.domain.schemas import LINE
from collector.ingest.service import PseudonymKeyCache
from collector.storage.view_repository import MAX_VIEWS, ViewOwner, ViewRepository
from shared.auth.principal import Principal
from shared.pii.scrub import scrub
from shared.problems import Problem, invalid
from shared.runtime.clock import Clock
from shared.web.problem_docs import problems

FilterName = Literal[
    "target", "q", "outcome", "feedback", "since", "until", "version", "model", "arm", "user", "user_hash", "session",
    "trace_id", "tool", "metric", "min", "max",
]  # fmt: skip
ViewName = Annotated[str, Field(min_length=1, max_length=80, pattern=LINE)]
FilterValue = Annotated[str, Field(min_length=1, max_length=256, pattern=LINE)]
_SCRUBBED = ("q", "session")


class ViewBody(BaseModel):
    """A view to save: a named set of filters and columns. `shared`: others of the project see it, too."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"name": "refused", "filters": {"outcome": "refused"}, "columns": ["model", "cost"], "shared": True}
            ]
        },
    )

    name: ViewName
    filters: dict[FilterName, FilterValue] = Field(default={}, description="Parameters of `GET /v1/executions`")
    columns: Annotated[list[Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]], Field(max_length=30)] = []
    shared: bool = False


class View(BaseModel):
    """A saved view. `own`: the caller may replace or delete it."""

    name: str
    owner: str
    own: bool
    shared: bool
    filters: dict[str, str]
    columns: list[str]
    updated_at: datetime


class ViewList(BaseModel):
    """Views by name."""

    items: list[View]


def views_router(views: ViewRepository, pseudonym_key: PseudonymKeyCache, clock: Clock) -> APIRouter:
    """Return the routes; they read and write in the caller's project and environment."""
    router = APIRouter(prefix="/v1/views", tags=["executions"])

    @router.get("")
    async def list_views(principal: Reader) -> ViewList:
        """Return the caller's views, and the newest 100 that others share."""
        rows = await views.list_views(_owner(principal))
        return ViewList(items=[_view(row, principal.subject) for row in rows])

    @router.post("", responses=problems({409: ["too-many-views"]}))
    async def save_view(principal: Reader, body: ViewBody) -> View:
        """Create a view, or replace the caller's view of this name. 409 above 100 views.

        Texts of filters are scrubbed, and a `user` is stored as its hash.
        """
        filters = await _stored_filters(body, principal.project, pseudonym_key)
        now = clock.now()
        columns = list(dict.fromkeys(body.columns))
        saved = await views.save_view(_owner(principal), body.name, body.shared, json.dumps(filters), columns, now)
        if not saved:
            raise Problem(409, "too-many-views", "Too many views", f"delete one: at most {MAX_VIEWS} are kept")
        return View(
            name=body.name, owner=principal.subject, own=True, shared=body.shared, filters=filters, columns=columns,
            updated_at=now,
        )  # fmt: skip

    @router.delete("/{name:path}", responses=problems({404: ["view-unknown"]}))
    async def delete_view(principal: Reader, name: Annotated[ViewName, Path()]) -> dict[str, str]:
        """Delete a view of the caller. Problem 404 if there is none of this name."""
        if not await views.delete_view(_owner(principal), name):
            raise Problem(404, "view-unknown", "You have no view of this name")
        return {"name": name}

    return router


def _view(row: Row[Any], subject: str) -> View:
    return View(
        name=row.name, owner=row.owner, own=row.owner == subject, shared=row.shared, filters=row.filters,
        columns=row.columns, updated_at=row.updated_at,
    )  # fmt: skip


def _owner(principal: Principal) -> ViewOwner:
    return ViewOwner(principal.project, principal.environment, principal.subject)


async def _stored_filters(body: ViewBody, project: str, pseudonym_key: PseudonymKeyCache) -> dict[str, str]:
    """Return the filters as they are stored: texts scrubbed, a user as a hash. Raises Problem 422."""
    filters: dict[str, str] = {
        name: scrub(value) if name in _SCRUBBED else value for name, value in body.filters.items()
    }
    user = filters.pop("user", None)
    if user is None:
        return filters
    if "user_hash" in filters:
        raise invalid("filters.user", "cannot be combined with user_hash")
    return filters | {"user_hash": (await pseudonym_key.get()).pseudonym(project, user)}
