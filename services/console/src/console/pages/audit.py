"""Who did what: the audit, the newest first, and whether its chain is whole."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.domain.audit_entries import KINDS, describe_entry
from console.page_context import Page
from shared.web.pagination import Cursor

_A_PAGE = 50
Given = Annotated[str, Query(max_length=200)]
"""As a form sends it: empty where nothing was written."""


def audit_pages() -> APIRouter:
    """Below `/audit`."""
    router = APIRouter(prefix="/audit")

    @router.get("")
    async def audit(page: Page, kind: Given = "", by: Given = "", cursor: Cursor = None) -> HTMLResponse:
        asked = {"kind": kind or None, "by": by or None}
        found, people = await page.all(
            page.get("/v1/audit", order="desc", cursor=cursor, limit=_A_PAGE, **asked), page.maybe("/v1/people")
        )
        older = page.address(**asked, cursor=found["next"]) if found["next"] else None
        return page.show(
            "audit.html",
            deeds=[describe_entry(entry) for entry in found["items"]],
            older=older,
            kinds=KINDS,
            kind=kind,
            by=by,
            people=[person["subject"] for person in people["items"]] if people else [],
        )

    @router.get("/verify")
    async def verify(page: Page, seq: Given = "", head: Given = "") -> HTMLResponse:
        """Asks for the whole chain to be checked, also against an end that somebody wrote down earlier."""
        found = await page.get("/v1/audit/verify", seq=seq.strip() or None, head=head.strip() or None)
        return page.show("audit_verified.html", it=found, seq=seq, head=head)

    return router
