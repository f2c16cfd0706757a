"""HTTP API of public signing keys, and of the API keys that an admin issues to services."""

from dataclasses import asdict
from typing import Annotated, Any, Literal, get_args

from fastapi import APIRouter, Depends, Request
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.api.access_models import IssuedKeyView, KeyPage, RevokedKeyView, SigningKeyList
from gatekeeper.api.boundary_problems import AUTHORITY, SUBJECT
from gatekeeper.api.request_body import OptionalReason, RequestBody, ShortText, describe_body, json_body, presented_key
from gatekeeper.domain.api_keys import new_api_key
from gatekeeper.domain.model import ApiKey
from gatekeeper.domain.origins import MAX_ORIGINS, parse_origin
from gatekeeper.storage.boundary_functions import call_for_rows
from gatekeeper.storage.keys import KeyRepository
from gatekeeper.use_cases.key_changes import emit_key_changed
from gatekeeper.use_cases.unit_of_work import UnitOfWorkFactory
from shared.auth.principal import Principal
from shared.web.authentication import require
from shared.web.pagination import Cursor, Keyset, LongLimit
from shared.web.response_models import describe_response
from shared.web.routers import combine_routers

AnyKey = Annotated[Principal, Depends(require())]
Reader = Annotated[Principal, Depends(require("read"))]
Admin = Annotated[Principal, Depends(require("admin", person=True))]
ServiceScope = Literal["ingest", "browser-ingest", "evaluate", "read", "operate"]
_SERVICE_SCOPES: tuple[ServiceScope, ...] = get_args(ServiceScope)


def service_scopes(value: object) -> list[ServiceScope]:
    """Return the scopes in `value`, each once, in a fixed order. Raises ValueError if they are invalid.

    A key that may be public has no other scope: it could send executions otherwise.
    """
    if not isinstance(value, list) or not value or any(scope not in _SERVICE_SCOPES for scope in value):
        raise ValueError(f"must be a list of {', '.join(_SERVICE_SCOPES)}")
    if "browser-ingest" in value and len(set(value)) > 1:
        raise ValueError("browser-ingest is for keys that may be public: issue another key for other scopes")
    return [scope for scope in _SERVICE_SCOPES if scope in value]


Origin = Annotated[str, Field(max_length=300), AfterValidator(parse_origin)]
"""The origin of a page, as browsers write it."""


class KeyRequest(RequestBody):
    """The service that gets a key, the key's scopes, and the origins whose pages may use it from a browser."""

    subject: ShortText
    scopes: Annotated[list[ServiceScope], BeforeValidator(service_scopes)]
    origins: list[Origin] = Field([], max_length=MAX_ORIGINS)

    @field_validator("origins")
    @classmethod
    def origins_of_a_browser_key(cls, origins: list[str], info: ValidationInfo) -> list[str]:
        """Return the origins, each once. Raises ValueError if the key may not be public."""
        if origins and info.data.get("scopes", ["browser-ingest"]) != ["browser-ingest"]:
            raise ValueError("only a key with the scope browser-ingest may have origins: pages show it to everyone")
        return list(dict.fromkeys(origins))


class KeyRevocation(RequestBody):
    """Why a key is revoked."""

    reason: OptionalReason = ""


_KEY = {"subject": "shop", "scopes": ["browser-ingest"], "origins": ["https://shop.example"]}


def keys_router(engine: AsyncEngine, units: UnitOfWorkFactory) -> APIRouter:
    """Return the routes below `/v1/signing-keys` and `/v1/keys`."""
    return combine_routers(_read_routes(engine), _issue_route(units), _revoke_route(units))


def _read_routes(engine: AsyncEngine) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["keys"])

    @router.get("/signing-keys", responses=describe_response(SigningKeyList))
    async def signing_keys(_: AnyKey) -> dict[str, Any]:
        """Return all public signing keys, oldest first; clients verify signatures with them."""
        async with engine.connect() as conn:
            found = await KeyRepository(conn).list_signing_keys()
        return {"keys": [asdict(key) for key in found]}

    @router.get("/keys", responses=describe_response(KeyPage))
    async def keys(principal: Reader, cursor: Cursor = None, limit: LongLimit = 1000) -> dict[str, Any]:
        """Return the valid keys of the environment by subject, without those of sessions; never their secrets."""
        scope = principal.project, principal.environment
        keyset = Keyset("keys", str, str, filters=scope)
        subject, key_id = keyset.decode(cursor)
        async with engine.connect() as conn:
            found = await KeyRepository(conn).list_keys(*scope, (subject, key_id), limit)
        return keyset.page(found, limit, key=lambda key: (key.subject, key.id), view=asdict)

    return router


def _issue_route(units: UnitOfWorkFactory) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["keys"])

    @router.post(
        "/keys",
        status_code=201,
        responses=describe_response(IssuedKeyView, 201),
        openapi_extra=describe_body(KeyRequest, _KEY, *AUTHORITY, *SUBJECT, "unknown-project"),
    )
    async def issue_key(
        request: Request, principal: Admin, body: Annotated[KeyRequest, Depends(json_body(KeyRequest))]
    ) -> dict[str, Any]:
        """Issue a key to a service; `key` is shown in this answer and never again.

        A page of another origin can send feedback with a `browser-ingest` key that lists its origin.
        """
        key = new_api_key()
        arguments = (presented_key(request), body.subject, body.scopes, body.origins, key.key_id, key.secret_hash)
        async with units.begin() as unit:
            issued = await call_for_rows(unit.conn, ApiKey, "issue_key", *arguments)
            await emit_key_changed(unit, issued)
            await unit.sign_audit_head(principal.project)
        shown = {"subject": issued[0].subject, "scopes": body.scopes, "origins": body.origins}
        return {"id": key.key_id, **shown, "key": key.raw}

    return router


def _revoke_route(units: UnitOfWorkFactory) -> APIRouter:
    router = APIRouter(prefix="/v1", tags=["keys"])

    @router.post(
        "/keys/{key_id}/revoke",
        responses=describe_response(RevokedKeyView),
        openapi_extra=describe_body(
            KeyRevocation, {"reason": "Replaced"}, *AUTHORITY, "unknown-key-id", required=False
        ),
    )
    async def revoke_key(
        request: Request,
        principal: Admin,
        key_id: str,
        body: Annotated[KeyRevocation, Depends(json_body(KeyRevocation, optional=True))],
    ) -> dict[str, Any]:
        """Revoke a key of the environment in all services, within seconds; a key of a session ends the session."""
        key_id = key_id[:64]
        async with units.begin() as unit:
            changed = await call_for_rows(unit.conn, ApiKey, "revoke_key", presented_key(request), key_id, body.reason)
            await emit_key_changed(unit, changed)
            await unit.sign_audit_head(principal.project)
        return {"id": key_id, "revoked": True}

    return router
