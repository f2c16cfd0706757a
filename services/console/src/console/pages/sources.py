"""The page of sources: what the collector pulls from other systems."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from console.domain.pull_rows import pull_row
from console.page_context import Page


def source_pages() -> APIRouter:
    """Return the route `/sources`."""
    router = APIRouter(prefix="/sources")

    @router.get("")
    async def sources(page: Page) -> HTMLResponse:
        found = await page.get("/v1/pulls")
        rows = sorted((pull_row(pull) for pull in found["items"]), key=lambda row: not row.is_bad)
        return page.render("sources.html", rows=rows)

    return router
