"""HTTP API of grants and of the revocation of examples."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import BeforeValidator, Field
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.api.boundary_problems import AUTHORITY, PROMOTION
from gatekeeper.api.grant_models import GrantPage, IssuedGrantView, RevokedExampleView, RevokedGrantView
from gatekeeper.api.request_body import (
    OptionalReason,
    PromptName,
    RequestBody,
    ShortText,
    describe_body,
    json_body,
    presented_key,
)
from gatekeeper.delivery.notifier import PromotionNotifier
from gatekeeper.domain.model import GivenGrant
from gatekeeper.storage.boundary_functions import call_for_rows, call_function
from gatekeeper.storage.grants import GrantRepository
from gatekeeper.storage.proposals import ProposalRepository
from gatekeeper.use_cases.grants import use_grant
from gatekeeper.use_cases.live_publication import live_summary
from gatekeeper.use_cases.rollback import remove_revoked_examples
from gatekeeper.use_cases.unit_of_work import UnitOfWorkFactory
from shared.auth.principal import Principal
from shared.events.promotion import PromptLive
from shared.problems import invalid
from shared.web.authentication import require
from shared.web.pagination import Cursor, Keyset, LongLimit
from shared.web.response_models import describe_response
from shared.web.routers import combine_routers

Reader = Annotated[Principal, Depends(require("read"))]
Reviewer = Annotated[Principal, Depends(require("review", person=True))]
_DIGEST_LENGTH = 71
_MAX_LIFETIME_S = 365 * 86_400


def _parse_time(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not 2000 <= moment.year <= 9000:
        raise ValueError("must be a time like 2026-01-31T12:00:00Z")
    return moment


Time = Annotated[datetime, BeforeValidator(_parse_time)]
Uses = Annotated[int, Field(ge=1, le=10_000)]


class NewGrant(RequestBody):
    """A grant for `count` few-shot proposals of one slot, at most `per_hour` in an hour, until `expires_at`."""

    name: PromptName
    slot: ShortText
    count: Uses
    per_hour: Uses
    expires_at: Time


class GrantRevocation(RequestBody):
    """Why a grant is revoked."""

    reason: OptionalReason = ""


class ExampleRevocation(RequestBody):
    """Why an example is revoked; may be empty."""

    reason: OptionalReason


_GRANT = {"name": "answer", "slot": "examples", "count": 20, "per_hour": 2, "expires_at": "2026-12-31T12:00:00Z"}
_REASON = {"reason": "It shows an address"}


def grants_router(engine: AsyncEngine, units: UnitOfWorkFactory, notifier: PromotionNotifier) -> APIRouter:
    """Return the routes below `/v1/grants` and `/v1/examples`."""
    return combine_routers(_grant_routes(engine, units, notifier), _revocation_routes(units, notifier))


def _grant_routes(engine: AsyncEngine, units: UnitOfWorkFactory, notifier: PromotionNotifier) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["grants"])

    @router.get("/grants", responses=describe_response(GrantPage))
    async def grants(principal: Reader, cursor: Cursor = None, limit: LongLimit = 1000) -> dict[str, Any]:
        """Return the grants of the environment, newest first."""
        scope = principal.project, principal.environment
        keyset = Keyset("grants", datetime, UUID, filters=scope)
        given_at, grant_id = keyset.decode(cursor)
        async with engine.connect() as conn:
            found = await GrantRepository(conn).list_grants(*scope, (given_at, grant_id), limit)
        return keyset.page(found, limit, key=lambda grant: (grant.given_at, grant.id), view=asdict)

    @router.post(
        "/grants",
        status_code=201,
        responses=describe_response(IssuedGrantView, 201),
        openapi_extra=describe_body(NewGrant, _GRANT, *AUTHORITY, *PROMOTION),
    )
    async def give(
        request: Request, principal: Reviewer, body: Annotated[NewGrant, Depends(json_body(NewGrant))]
    ) -> dict[str, Any]:
        """Authorise few-shot proposals for one slot in advance. Covered proposals that are open go live at once."""
        if not 0 < (body.expires_at - units.clock.now()).total_seconds() <= _MAX_LIFETIME_S:
            raise invalid("expires_at", "must be in the future, at most 365 days ahead")
        project, environment = principal.project, principal.environment
        terms = (body.name, body.slot, body.count, body.per_hour, body.expires_at)
        promoted: list[PromptLive] = []
        async with units.begin() as unit:
            [given] = await call_for_rows(unit.conn, GivenGrant, "give_grant", presented_key(request), *terms)
            for proposal_id in await ProposalRepository(unit.conn).list_open_ids(project, environment, body.name):
                promoted += await use_grant(unit, project, environment, proposal_id)
            await unit.sign_audit_head(project)
            grant = await GrantRepository(unit.conn).get_grant(project, environment, given.id)
        notifier.notify(promoted)
        return asdict(grant)

    return router


def _revocation_routes(units: UnitOfWorkFactory, notifier: PromotionNotifier) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["grants"])

    @router.post(
        "/grants/{grant_id}/revoke",
        responses=describe_response(RevokedGrantView),
        openapi_extra=describe_body(GrantRevocation, _REASON, *AUTHORITY, *PROMOTION, required=False),
    )
    async def revoke(
        request: Request,
        principal: Reviewer,
        grant_id: UUID,
        body: Annotated[GrantRevocation, Depends(json_body(GrantRevocation, optional=True))],
    ) -> dict[str, Any]:
        """Revoke a grant and every example that it let in; live prompts continue without them."""
        promoted = await _revoke(units, request, principal, "revoke_grant", grant_id, body.reason)
        notifier.notify(promoted)
        return {"id": grant_id, "revoked": True, "live": [live_summary(live) for live in promoted]}

    @router.post(
        "/examples/{digest}/revoke",
        responses=describe_response(RevokedExampleView),
        openapi_extra=describe_body(ExampleRevocation, _REASON, *AUTHORITY, *PROMOTION, "unknown-example"),
    )
    async def revoke_example(
        request: Request,
        principal: Reviewer,
        digest: str,
        body: Annotated[ExampleRevocation, Depends(json_body(ExampleRevocation))],
    ) -> dict[str, Any]:
        """Remove an example from every live prompt of the environment; its text is kept. Works while halted."""
        digest = digest[:_DIGEST_LENGTH]
        promoted = await _revoke(units, request, principal, "revoke_example", digest, body.reason)
        notifier.notify(promoted)
        return {"digest": digest, "revoked": True, "live": [live_summary(live) for live in promoted]}

    return router


async def _revoke(
    units: UnitOfWorkFactory, request: Request, principal: Principal, function: str, revoked: UUID | str, reason: str
) -> list[PromptLive]:
    key = presented_key(request)
    async with units.begin() as unit:
        await call_function(unit.conn, function, key, revoked, reason)
        promoted = await remove_revoked_examples(unit, key, principal)
        await unit.sign_audit_head(principal.project)
    return promoted
