"""HTTP API of rollback."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from gatekeeper.api.boundary_problems import AUTHORITY, PROMOTION
from gatekeeper.api.prompt_models import LivePromptView
from gatekeeper.api.prompt_names import NameInPath
from gatekeeper.api.request_body import Digest, OptionalReason, RequestBody, describe_body, json_body, presented_key
from gatekeeper.delivery.notifier import PromotionNotifier
from gatekeeper.use_cases.rollback import roll_back
from gatekeeper.use_cases.unit_of_work import UnitOfWorkFactory
from shared.auth.principal import Principal
from shared.web.authentication import require
from shared.web.response_models import describe_response

Reviewer = Annotated[Principal, Depends(require("review", person=True))]


class Rollback(RequestBody):
    """`to_digest` null means the version before the live one."""

    to_digest: Digest | None = None
    reason: OptionalReason


def promotion_router(units: UnitOfWorkFactory, notifier: PromotionNotifier) -> APIRouter:
    """Return the route to roll a prompt back."""
    router = APIRouter(prefix="/v1/prompts", tags=["prompts"])

    @router.post(
        "/{name:path}/rollback",
        responses=describe_response(LivePromptView),
        openapi_extra=describe_body(Rollback, {"to_digest": None, "reason": "Wrong answers"}, *AUTHORITY, *PROMOTION),
    )
    async def rollback(
        request: Request,
        principal: Reviewer,
        name: NameInPath,
        body: Annotated[Rollback, Depends(json_body(Rollback))],
    ) -> dict[str, Any]:
        """Make `to_digest`, or the version before the live one, live again. Needs no decision; works while halted."""
        async with units.begin() as unit:
            live = await roll_back(unit, presented_key(request), principal, name, body.to_digest, body.reason)
        notifier.notify([live])
        return live.model_dump(mode="json")

    return router
