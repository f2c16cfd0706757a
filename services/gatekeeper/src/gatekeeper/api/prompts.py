"""HTTP API of the registry: prompts, their versions, and reviews of observed digests."""

import re
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.api.boundary_problems import AUTHORITY, refusals
from gatekeeper.api.prompt_models import (
    ArchivedPromptView,
    KnownVersionView,
    PromotedVersionPage,
    PromptPage,
    ReviewView,
)
from gatekeeper.api.prompt_names import NameInPath, NameInQuery
from gatekeeper.api.request_body import Reason, RequestBody, describe_body, json_body, presented_key
from gatekeeper.domain.live_version import previous_digest
from gatekeeper.domain.model import RegistryAction
from gatekeeper.storage.boundary_functions import call_for_rows
from gatekeeper.storage.contents import ContentRepository
from gatekeeper.storage.live_versions import LiveVersionRepository
from gatekeeper.storage.prompts import PromptQuery, PromptRepository
from gatekeeper.use_cases.unit_of_work import UnitOfWorkFactory
from shared.auth.principal import Principal
from shared.problems import Problem, invalid
from shared.web.authentication import require
from shared.web.encoded_paths import decode_segment
from shared.web.pagination import Cursor, Keyset, Limit
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response
from shared.web.routers import combine_routers

Reader = Annotated[Principal, Depends(require("read"))]
Reviewer = Annotated[Principal, Depends(require("review", person=True))]
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Archive(RequestBody):
    """Why a prompt is archived."""

    reason: Reason


def prompts_router(engine: AsyncEngine, units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes below `/v1/prompts` and `/v1/versions` for people.

    They must precede `GET /v1/prompts/{name}`, whose name matches any path.
    """
    return combine_routers(_list_routes(engine), _version_routes(engine), _change_routes(units))


def _list_routes(engine: AsyncEngine) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["prompts"])

    @router.get("/prompts", responses=describe_response(PromptPage))
    async def prompts(
        principal: Reader, name: NameInQuery, cursor: Cursor = None, limit: Limit = 100, archived: bool = False
    ) -> dict[str, Any]:
        """Return all names, or one, with what is live and what was observed.

        `reviewed` is false for an observed digest that no person has reviewed. Archived prompts are included with
        `archived=true` or by name. `elsewhere`: what is live in other environments of the project; for people only.
        """
        keyset = Keyset("prompts", str, filters=(principal.project, principal.environment, name, archived))
        [after] = keyset.decode(cursor)
        async with engine.connect() as conn:
            query = PromptQuery(after or "", limit, name, archived)
            found = await PromptRepository(conn).list_prompts(principal, query)
        return keyset.page(found, limit, key=lambda prompt: [prompt.name], view=asdict)

    return router


def _version_routes(engine: AsyncEngine) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["prompts"])

    @router.get("/prompts/{name:path}/versions", responses=describe_response(PromotedVersionPage))
    async def versions(principal: Reader, name: NameInPath, cursor: Cursor = None, limit: Limit = 20) -> dict[str, Any]:
        """Return the versions that were live under a name, newest first.

        `previous` is the digest that a rollback of the live version leads to; null if there is none.
        """
        prompt = (principal.project, principal.environment, name)
        keyset = Keyset("versions", int, filters=prompt)
        [before] = keyset.decode(cursor)
        async with engine.connect() as conn:
            found = await PromptRepository(conn).list_versions(*prompt, before, limit)
            history = await LiveVersionRepository(conn).list_history(*prompt)
        previous = previous_digest(history)
        return keyset.page(found, limit, key=lambda version: [version.sequence], view=asdict, previous=previous)

    @router.get(
        "/versions/{digest}", responses=describe_response(KnownVersionView) | problems({404: ["unknown-version"]})
    )
    async def version(principal: Reader, digest: str) -> dict[str, Any]:
        """Return the document of a digest that the project knows, whether it was ever live or not."""
        async with engine.connect() as conn:
            found = await ContentRepository(conn).get_version(principal.project, digest)
        if found is None:
            raise Problem(404, "unknown-version", "The content of this version is not known")
        return asdict(found)

    return router


def _change_routes(units: UnitOfWorkFactory) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["prompts"])

    @router.post(
        "/prompts/{name:path}/observed/{digest}/review",
        responses=describe_response(ReviewView),
        openapi_extra=refusals(*AUTHORITY, "unknown-observation"),
    )
    async def review(request: Request, principal: Reviewer, name: NameInPath, digest: str) -> dict[str, Any]:
        """Mark an observed digest as reviewed. Return who reviewed it first, and when. Makes nothing live."""
        digest = decode_segment(digest)
        if not _DIGEST.fullmatch(digest):
            raise invalid("digest", "must be sha256: and 64 hexadecimal digits")
        async with units.begin() as unit:
            arguments = (presented_key(request), name, digest)
            [first] = await call_for_rows(unit.conn, RegistryAction, "review_observed", *arguments)
            await unit.sign_audit_head(principal.project)
        return {"name": name, "digest": digest, "reviewed": True, **asdict(first)}

    @router.post(
        "/prompts/{name:path}/archive",
        responses=describe_response(ArchivedPromptView),
        openapi_extra=describe_body(Archive, {"reason": "Unused"}, *AUTHORITY, "unknown-prompt"),
    )
    async def archive(
        request: Request, principal: Reviewer, name: NameInPath, body: Annotated[Archive, Depends(json_body(Archive))]
    ) -> dict[str, Any]:
        """Remove an unused prompt from the lists; apps are served as before.

        The prompt returns to the lists when a version goes live under its name by approval, grant or rollback.
        """
        async with units.begin() as unit:
            arguments = (presented_key(request), name, body.reason)
            [archived] = await call_for_rows(unit.conn, RegistryAction, "archive_prompt", *arguments)
            await unit.sign_audit_head(principal.project)
        return {"name": name, "archived": {**asdict(archived), "reason": body.reason}}

    return router
