"""What prompts there are, what each was before, and what a version says; that a person looked at what was observed."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.boundary import call_function
from gatekeeper.promotion.live_version import previous
from gatekeeper.promotion.repository import list_history
from gatekeeper.registry import repository as store
from gatekeeper.registry.prompt_names import NameInPath, NameInQuery
from gatekeeper.request_body import read_fields
from gatekeeper.unit_of_work import UnitOfWorkFactory, raw_key
from shared.auth.principal import Principal
from shared.problems import Problem, invalid
from shared.web.authentication import require
from shared.web.encoded_paths import decoded
from shared.web.pagination import Cursor, Limit, decode_cursor, page

Reader = Annotated[Principal, Depends(require("read"))]
Reviewer = Annotated[Principal, Depends(require("review", person=True))]
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def registry_router(engine: AsyncEngine, desk: UnitOfWorkFactory) -> APIRouter:
    """Routes under `/v1/prompts` and `/v1/versions` for people; they come before the one that takes all as a name."""
    router = APIRouter(prefix="/v1", tags=["prompts"])

    @router.get("/prompts")
    async def prompts(
        who: Reader, name: NameInQuery, cursor: Cursor = None, limit: Limit = 100, archived: bool = False
    ) -> dict[str, Any]:
        """All names, or one, with what is live and what was observed; `reviewed` false: nobody has looked at it.

        Archived ones are left out, unless asked for by `archived=true` or by name.
        `elsewhere`, for people: what is live under the name in other environments of the project.
        """
        [after] = decode_cursor(cursor, str)
        async with engine.connect() as conn:
            found = await store.list_prompts(conn, who, after or "", limit, name, archived)
        return page(found, limit, "name")

    @router.get("/prompts/{name:path}/versions")
    async def versions(who: Reader, name: NameInPath, cursor: Cursor = None, limit: Limit = 20) -> dict[str, Any]:
        """Return what was live under a name, newest first.

        `previous` is the digest that going back leads to from what is live now; null where there is none.
        """
        [before] = decode_cursor(cursor, int)
        async with engine.connect() as conn:
            found = await store.list_versions(conn, who.project, who.environment, name, before, limit)
            steps = await list_history(conn, who.project, who.environment, name)
        return page(found, limit, "sequence", previous=previous(steps))

    @router.post("/prompts/{name:path}/observed/{digest}/review")
    async def review(request: Request, who: Reviewer, name: NameInPath, digest: str) -> dict[str, Any]:
        """Notes that a person has looked at an observed digest: `by` and `at` of the first look. Promotes nothing."""
        digest = decoded(digest)
        if not _DIGEST.fullmatch(digest):
            raise invalid("digest", "must be sha256: and 64 hexadecimal digits")
        async with desk.change(request) as change:
            [row] = await call_function(change.tx.conn, "review_observed", raw_key(request), name, digest)
            await change.seal(who.project)
        return {"name": name, "digest": digest, "reviewed": True, **row}

    @router.post("/prompts/{name:path}/archive")
    async def archive(request: Request, who: Reviewer, name: NameInPath) -> dict[str, Any]:
        """Takes a prompt that is no longer used out of the lists. What apps are served does not change by this.

        Whatever goes live under the name later, by approval, grant or rollback, brings it back.
        """
        fields = await read_fields(request)
        reason = fields.text("reason", 2000)
        fields.end()
        async with desk.change(request) as change:
            [row] = await call_function(change.tx.conn, "archive_prompt", raw_key(request), name, reason)
            await change.seal(who.project)
        return {"name": name, "archived": {**row, "reason": reason}}

    @router.get("/versions/{digest}")
    async def version(who: Reader, digest: str) -> dict[str, Any]:
        """The document of a digest that is known in this project, whether it was ever live or not."""
        async with engine.connect() as conn:
            found = await store.get_version_row(conn, who.project, digest)
        if found is None:
            raise Problem(404, "unknown-version", "The content of this version is not known")
        return found

    return router
