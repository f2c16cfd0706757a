"""Overview: targets, open regressions and open proposals."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from console.domain.target_summary import targets
from console.page_context import Page

_WINDOWS = 24
_LIST_SIZE = 6


def overview_pages() -> APIRouter:
    """Return the route `/`."""
    router = APIRouter()

    @router.get("/")
    async def overview(page: Page) -> HTMLResponse:
        quality, series, regressions, proposals, prompts = await page.gather(
            page.get("/v1/quality", limit=500),
            page.get_or_none("/v1/quality/series", latest=_WINDOWS),
            page.get("/v1/regressions", state="open", limit=100),
            page.get("/v1/proposals", state="open", limit=_LIST_SIZE, brief="true"),
            page.get("/v1/prompts", limit=100),
        )
        windows = series["items"] if series else []
        return page.render(
            "overview.html",
            targets=targets(quality["items"], windows, regressions["items"], prompts["items"]),
            regressions=regressions["items"][:_LIST_SIZE],
            more_regressions=len(regressions["items"]) > _LIST_SIZE,
            proposals=proposals["items"],
            prompts=prompts["items"],
            uncounted=quality["uncounted"],
        )

    return router
