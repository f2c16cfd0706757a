"""People, and their signing in and out, over HTTP. A session belongs to somebody known."""

from datetime import timedelta
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.boundary import call_function
from gatekeeper.keys.api_keys import new_api_key
from gatekeeper.keys.events import emit_key_changed
from gatekeeper.request_body import read_fields
from gatekeeper.sessions import repository as store
from gatekeeper.sessions.cookies import clear_session_cookies, set_session_cookies
from gatekeeper.sessions.roles import ROLES, Role, person_role
from gatekeeper.sessions.tokens import LINK_LASTS, new_token
from gatekeeper.unit_of_work import UnitOfWorkFactory, raw_key
from shared.auth.principal import Principal
from shared.web.authentication import own_pages_only, require
from shared.web.pagination import Cursor, LongLimit, decode_cursor, page

Anybody = Annotated[Principal, Depends(require())]
Person = Annotated[Principal, Depends(require("read", person=True))]
Reader = Annotated[Principal, Depends(require("read"))]


def sessions_router(engine: AsyncEngine, desk: UnitOfWorkFactory, lifetime: timedelta) -> APIRouter:
    """Routes under `/v1/sessions`, and `/v1/session`. `lifetime` is that of a session."""
    router = APIRouter(prefix="/v1", tags=["people"])

    @router.post("/sessions", status_code=201)
    async def sign_in(request: Request, response: Response) -> dict[str, Any]:
        """A link's token for a session: two cookies, of which scripts see neither."""
        own_pages_only(request)
        fields = await read_fields(request)
        token = fields.text("token")
        fields.end()
        acting, reading = new_api_key(), new_api_key()
        keys = (acting.key_id, acting.secret_hash, reading.key_id, reading.secret_hash)
        async with desk.change(request) as change:
            made = await call_function(change.tx.conn, "open_session", token, *keys, lifetime)
            await emit_key_changed(change, made)
            await change.seal(made[0]["project"])
        set_session_cookies(response, request, acting.raw, reading.raw, lifetime)
        return {
            "subject": made[0]["subject"],
            "role": person_role(made[0]["scopes"]),
            "expires_at": made[0]["expires_at"],
        }

    @router.post("/sessions/end")
    async def sign_out(request: Request, response: Response, who: Person) -> dict[str, Any]:
        """Ends the session that the request belongs to."""
        async with desk.change(request) as change:
            await emit_key_changed(change, await call_function(change.tx.conn, "close_session", raw_key(request)))
            await change.seal(who.project)
        clear_session_cookies(response)
        return {"ended": True}

    @router.get("/session")
    async def session(who: Anybody) -> dict[str, Any]:
        """Who asks, and what they may in all: for the reading key of a session, too, what its acting key may."""
        async with engine.connect() as conn:
            found = await store.get_session(conn, who.key_id)
        scopes = sorted(who.scopes) if found is None else found["scopes"]
        return {
            "subject": who.subject,
            "kind": who.kind,
            "project": who.project,
            "environment": who.environment,
            "role": person_role(scopes),
            "scopes": scopes,
            "expires_at": None if found is None else found["expires_at"],
        }

    return router


def people_router(engine: AsyncEngine, desk: UnitOfWorkFactory) -> APIRouter:
    """Routes under `/v1/people` and `/v1/sign-in-links`."""
    router = APIRouter(prefix="/v1", tags=["people"])

    @router.get("/people")
    async def people(who: Reader, cursor: Cursor = None, limit: LongLimit = 1000) -> dict[str, Any]:
        """Return the people of the project by subject, with their scopes and role in this environment."""
        [after] = decode_cursor(cursor, str)
        async with engine.connect() as conn:
            found = await store.list_people(conn, who.project, who.environment, after or "", limit)
        return page([{**person, "role": person_role(person["scopes"])} for person in found], limit, "subject")

    @router.post("/sign-in-links", status_code=201)
    async def make_link(request: Request, who: Person) -> dict[str, Any]:
        """A link for oneself, or, by an admin, for anybody; `token` is shown once and lets in once."""
        fields = await read_fields(request)
        subject, role = fields.text("subject"), cast(Role, fields.choice("role", *ROLES))
        fields.end()
        token = new_token()
        async with desk.change(request) as change:
            door = ("make_link", raw_key(request), subject, list(ROLES[role]), token, LINK_LASTS)
            [made] = await call_function(change.tx.conn, *door)
            await change.seal(who.project)
        return {
            "subject": made["subject"],
            "role": person_role(made["scopes"]),
            "path": f"/sign-in#{token}",
            "expires_at": made["expires_at"],
        }

    return router
