"""HTTP API of the audit log."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from sqlalchemy.ext.asyncio import AsyncEngine

from gatekeeper.api.access_models import AuditCheckView, AuditPage
from gatekeeper.domain.signer import Signer
from gatekeeper.storage.audit import AuditQuery, AuditRepository
from gatekeeper.use_cases.audit_verification import Verifier
from gatekeeper.use_cases.kill_switch import KillSwitch
from shared.auth.principal import Principal
from shared.problems import invalid
from shared.web.authentication import require
from shared.web.pagination import Cursor, Keyset, LongLimit
from shared.web.response_models import describe_response

Reader = Annotated[Principal, Depends(require("read"))]
Order = Literal["asc", "desc"]
Kind = Annotated[str | None, Query(pattern=r"^[a-z-]+(\.[a-z_]+)?$", max_length=64)]
Subject = Annotated[str | None, Query(min_length=1, max_length=200)]
EntryNumber = Annotated[int | None, Query(ge=1)]
Head = Annotated[str | None, Query(pattern="^[0-9a-f]{64}$")]


def audit_router(engine: AsyncEngine, signer: Signer, switch: KillSwitch) -> APIRouter:
    """Return the routes below `/v1/audit`."""
    router = APIRouter(prefix="/v1/audit", tags=["audit"])
    verifier = Verifier(engine, signer)

    @router.get("", responses=describe_response(AuditPage))
    async def entries(
        principal: Reader,
        order: Order = "asc",
        kind: Kind = None,
        by: Subject = None,
        cursor: Cursor = None,
        limit: LongLimit = 100,
    ) -> dict[str, Any]:
        """Return the project's entries in order, or the newest first with `order=desc`.

        `kind` is a complete kind (`loop.halted`) or the part before its dot (`loop`).
        """
        keyset = Keyset("audit", int, filters=(principal.project, order, kind, by))
        [seq] = keyset.decode(cursor)
        query = AuditQuery(order == "desc", seq, kind, by)
        async with engine.connect() as conn:
            found = await AuditRepository(conn).list_entries(principal.project, query, limit)
        return keyset.page(found, limit, key=lambda entry: [entry["seq"]], view=dict)

    @router.get("/verify", responses=describe_response(AuditCheckView))
    async def verify(
        principal: Reader, seq: EntryNumber = None, head: Head = None, scope: Literal["all", "new"] = "all"
    ) -> dict[str, Any]:
        """Verify the whole chain; with `seq` and `head`, also that it has this entry with this hash.

        `scope=new` verifies from the entry that this instance verified last; `from` is the first verified entry.
        """
        if (seq is None) != (head is None):
            raise invalid("head", "must be combined with seq")
        expected = None if seq is None or head is None else (seq, head)
        await switch.audit(principal.project)
        return await verifier.verify(principal.project, expected, new=scope == "new")

    return router
