"""Going back over HTTP."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from gatekeeper.promotion.rollback import roll_back
from gatekeeper.registry.prompt_names import NameInPath
from gatekeeper.request_body import read_fields
from gatekeeper.unit_of_work import UnitOfWorkFactory, raw_key
from shared.auth.principal import Principal
from shared.web.authentication import require

Reviewer = Annotated[Principal, Depends(require("review", person=True))]


def promotion_router(desk: UnitOfWorkFactory) -> APIRouter:
    """The route to roll a prompt back."""
    router = APIRouter(prefix="/v1/prompts", tags=["prompts"])

    @router.post("/{name:path}/rollback")
    async def rollback(request: Request, who: Reviewer, name: NameInPath) -> dict[str, Any]:
        """Back to `to_digest`, or to the version before. Needs no decision, and works while halted."""
        fields = await read_fields(request)
        to_digest, reason = fields.optional_digest("to_digest"), fields.text("reason", 2000, empty=True)
        fields.end()
        async with desk.change(request) as change:
            where = (who.project, who.environment, name)
            await roll_back(change, raw_key(request), where, to_digest, reason)
        return change.lives[0].model_dump(mode="json")

    return router
