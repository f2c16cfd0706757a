"""Keys over HTTP: the public halves that sign, and the API keys that an admin issues to services."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.boundary import call_function
from gatekeeper.keys import repository as store
from gatekeeper.keys.api_keys import new_api_key
from gatekeeper.keys.events import emit_key_changed
from gatekeeper.request_body import Fields, read_fields
from gatekeeper.unit_of_work import UnitOfWorkFactory, raw_key
from shared.auth.principal import Principal
from shared.problems import invalid
from shared.web.authentication import require
from shared.web.pagination import Cursor, LongLimit, decode_cursor, page

Anybody = Annotated[Principal, Depends(require())]
Reader = Annotated[Principal, Depends(require("read"))]
Admin = Annotated[Principal, Depends(require("admin", person=True))]
_SERVICE_SCOPES = ("ingest", "browser-ingest", "read", "operate")


def keys_router(engine: AsyncEngine, desk: UnitOfWorkFactory) -> APIRouter:
    """Routes under `/v1/signing-keys` and `/v1/keys`."""
    router = APIRouter(prefix="/v1", tags=["keys"])

    @router.get("/signing-keys")
    async def signing_keys(_: Anybody) -> dict[str, Any]:
        """All public keys, oldest first: whose signatures clients may believe."""
        async with engine.connect() as conn:
            return {"keys": await store.list_signing_keys(conn)}

    @router.get("/keys")
    async def keys(who: Reader, cursor: Cursor = None, limit: LongLimit = 1000) -> dict[str, Any]:
        """Return the valid keys of the environment by subject, without those of sessions; never their secrets."""
        after = decode_cursor(cursor, str, str)
        async with engine.connect() as conn:
            return page(await store.list_keys(conn, who.project, who.environment, after, limit), limit, "subject", "id")

    @router.post("/keys", status_code=201)
    async def issue_key(request: Request, who: Admin) -> dict[str, Any]:
        """A new key for a service; `key` is shown in this answer and never again."""
        fields = await read_fields(request)
        subject, scopes = fields.text("subject"), service_scopes(fields)
        fields.end()
        made = new_api_key()
        async with desk.change(request) as change:
            door = ("issue_key", raw_key(request), subject, scopes, made.key_id, made.secret_hash)
            issued = await call_function(change.tx.conn, *door)
            await emit_key_changed(change, issued)
            await change.seal(who.project)
        return {"id": made.key_id, "subject": issued[0]["subject"], "scopes": scopes, "key": made.raw}

    @router.post("/keys/{key_id}/revoke")
    async def revoke_key(request: Request, who: Admin, key_id: str) -> dict[str, Any]:
        """End a key of the environment, in all services within seconds; one of a session ends that session."""
        fields = await read_fields(request, optional=True)
        reason = fields.optional_text("reason", 2000)
        fields.end()
        async with desk.change(request) as change:
            await emit_key_changed(
                change, await call_function(change.tx.conn, "revoke_key", raw_key(request), key_id[:64], reason)
            )
            await change.seal(who.project)
        return {"id": key_id[:64], "revoked": True}

    return router


def service_scopes(fields: Fields) -> list[str]:
    """Return the scopes asked for. Raises Problem 422, also if a key that may be public could send executions."""
    scopes = fields.choices("scopes", *_SERVICE_SCOPES)
    if "browser-ingest" in scopes and len(scopes) > 1:
        raise invalid("scopes", "browser-ingest is for keys that may be public: issue another key for other scopes")
    return scopes
