"""HTTP API of people, sign-in links and sessions."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.api.access_models import EndedSessionView, LinkView, OpenedSessionView, PersonPage, SessionView
from gatekeeper.api.boundary_problems import AUTHORITY, LINK, SUBJECT, refusals
from gatekeeper.api.cookies import clear_session_cookies, set_session_cookies
from gatekeeper.api.request_body import RequestBody, ShortText, describe_body, json_body, presented_key
from gatekeeper.domain.api_keys import LINK_LIFETIME, new_api_key, new_sign_in_token
from gatekeeper.domain.model import ApiKey, CreatedLink, PersonAccess
from gatekeeper.domain.person_roles import ROLES, Role, person_role
from gatekeeper.storage.boundary_functions import call_for_rows
from gatekeeper.storage.people import PersonRepository
from gatekeeper.use_cases.key_changes import emit_key_changed
from gatekeeper.use_cases.unit_of_work import UnitOfWorkFactory
from shared.auth.principal import Principal
from shared.web.authentication import require
from shared.web.csrf import require_same_origin
from shared.web.pagination import Cursor, Keyset, LongLimit
from shared.web.problem_docs import problems
from shared.web.response_models import describe_response
from shared.web.routers import combine_routers

AnyKey = Annotated[Principal, Depends(require())]
Person = Annotated[Principal, Depends(require("read", person=True))]
Reader = Annotated[Principal, Depends(require("read"))]


class SignIn(RequestBody):
    """The token of a sign-in link."""

    token: ShortText


class NewLink(RequestBody):
    """The person that a sign-in link is for, and the role of the session."""

    subject: ShortText
    role: Role


def sessions_router(engine: AsyncEngine, units: UnitOfWorkFactory, lifetime: timedelta) -> APIRouter:
    """Return the routes below `/v1/sessions`, and `/v1/session`. `lifetime`: that of a session."""
    return combine_routers(_change_routes(units, lifetime), _read_routes(engine))


def _change_routes(units: UnitOfWorkFactory, lifetime: timedelta) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["people"])

    @router.post(
        "/sessions",
        status_code=201,
        dependencies=[Depends(require_same_origin)],
        openapi_extra=describe_body(SignIn, {"token": "…"}, *LINK, *AUTHORITY, secured=False),
        responses=describe_response(OpenedSessionView, 201) | problems({403: ["cross-origin"]}),
    )
    async def sign_in(
        request: Request, response: Response, body: Annotated[SignIn, Depends(json_body(SignIn))]
    ) -> dict[str, Any]:
        """Exchange the token of a link for a session: two cookies that scripts can't read."""
        acting, reading = new_api_key(), new_api_key()
        keys = (acting.key_id, acting.secret_hash, reading.key_id, reading.secret_hash)
        async with units.begin() as unit:
            opened = await call_for_rows(unit.conn, ApiKey, "open_session", body.token, *keys, lifetime)
            await emit_key_changed(unit, opened)
            await unit.sign_audit_head(opened[0].project)
        set_session_cookies(response, request, acting.raw, reading.raw, lifetime)
        return {
            "subject": opened[0].subject,
            "role": person_role(opened[0].scopes),
            "expires_at": opened[0].expires_at,
        }

    @router.post(
        "/sessions/end", responses=describe_response(EndedSessionView), openapi_extra=refusals(*AUTHORITY, "no-session")
    )
    async def sign_out(request: Request, response: Response, principal: Person) -> dict[str, Any]:
        """End the session of the request's key."""
        async with units.begin() as unit:
            closed = await call_for_rows(unit.conn, ApiKey, "close_session", presented_key(request))
            await emit_key_changed(unit, closed)
            await unit.sign_audit_head(principal.project)
        clear_session_cookies(response)
        return {"ended": True}

    return router


def _read_routes(engine: AsyncEngine) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["people"])

    @router.get("/session", responses=describe_response(SessionView))
    async def session(principal: AnyKey) -> dict[str, Any]:
        """Return who the key belongs to and its scopes; for the reading key of a session those of the acting key."""
        async with engine.connect() as conn:
            found = await PersonRepository(conn).get_session(principal.key_id)
        scopes = sorted(principal.scopes) if found is None else found.scopes
        return {
            "subject": principal.subject,
            "kind": principal.kind,
            "project": principal.project,
            "environment": principal.environment,
            "role": person_role(scopes),
            "scopes": scopes,
            "expires_at": None if found is None else found.expires_at,
        }

    return router


def _person_view(person: PersonAccess) -> dict[str, Any]:
    return {**asdict(person), "role": person_role(person.scopes)}


def people_router(engine: AsyncEngine, units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes `/v1/people` and `/v1/sign-in-links`."""
    router = APIRouter(prefix="/v1", tags=["people"])

    @router.get("/people", responses=describe_response(PersonPage))
    async def people(principal: Reader, cursor: Cursor = None, limit: LongLimit = 1000) -> dict[str, Any]:
        """Return the people of the project by subject, with their scopes and role in this environment."""
        scope = principal.project, principal.environment
        keyset = Keyset("people", str, filters=scope)
        [after] = keyset.decode(cursor)
        async with engine.connect() as conn:
            found = await PersonRepository(conn).list_people(*scope, after or "", limit)
        return keyset.page(found, limit, key=lambda person: [person.subject], view=_person_view)

    @router.post(
        "/sign-in-links",
        status_code=201,
        responses=describe_response(LinkView, 201),
        openapi_extra=describe_body(
            NewLink, {"subject": "ann", "role": "reviewer"}, *AUTHORITY, *SUBJECT, "unknown-project"
        ),
    )
    async def make_link(
        request: Request, principal: Person, body: Annotated[NewLink, Depends(json_body(NewLink))]
    ) -> dict[str, Any]:
        """Create a sign-in link for oneself or, as an admin, for any person; `path` is shown once and works once."""
        token = new_sign_in_token()
        scopes = list(ROLES[body.role])
        arguments = (presented_key(request), body.subject, scopes, token, LINK_LIFETIME)
        async with units.begin() as unit:
            [link] = await call_for_rows(unit.conn, CreatedLink, "make_link", *arguments)
            await unit.sign_audit_head(principal.project)
        return {
            "subject": link.subject,
            "role": person_role(link.scopes),
            "path": f"/sign-in#{token}",
            "expires_at": link.expires_at,
        }

    return router
