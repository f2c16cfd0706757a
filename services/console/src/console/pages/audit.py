"""Pages of the audit: entries, newest first, and the verification of the chain."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.domain.audit_entries import KINDS, describe_entry
from console.page_context import Page
from shared.web.pagination import Cursor

_PAGE_SIZE = 50
FormText = Annotated[str, Query(max_length=200)]
"""A form field: empty if nothing was entered."""


def audit_pages() -> APIRouter:
    """Return the routes below `/audit`."""
    router = APIRouter(prefix="/audit")

    @router.get("")
    async def audit(page: Page, kind: FormText = "", by: FormText = "", cursor: Cursor = None) -> HTMLResponse:
        filters = {"kind": kind or None, "by": by or None}
        found, people = await page.gather(
            page.get("/v1/audit", order="desc", cursor=cursor, limit=_PAGE_SIZE, **filters),
            page.get_or_none("/v1/people"),
        )
        older = page.address(**filters, cursor=found["next"]) if found["next"] else None
        return page.render(
            "audit.html",
            entries=[describe_entry(entry) for entry in found["items"]],
            older=older,
            kinds=KINDS,
            kind=kind,
            by=by,
            people=[person["subject"] for person in people["items"]] if people else [],
        )

    @router.get("/verify")
    async def verify(page: Page, seq: FormText = "", head: FormText = "") -> HTMLResponse:
        """Verify the whole chain, and optionally that it still contains a head that was recorded before."""
        found = await page.get("/v1/audit/verify", seq=seq.strip() or None, head=head.strip() or None)
        return page.render("audit_verified.html", it=found, seq=seq, head=head)

    return router
