"""The public halves of the signing keys."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.web.keys import Principal, require

Anybody = Annotated[Principal, Depends(require())]
_KEYS = text("SELECT key_id, public_key FROM gatekeeper.signing_keys ORDER BY added_at")


def keys_router(engine: AsyncEngine) -> APIRouter:
    """The route with which clients learn whose signatures to believe."""
    router = APIRouter(prefix="/v1", tags=["keys"])

    @router.get("/signing-keys")
    async def signing_keys(_: Anybody) -> dict[str, Any]:
        """All public keys, oldest first."""
        async with engine.connect() as conn:
            return {"keys": [dict(row) for row in (await conn.execute(_KEYS)).mappings()]}

    return router
