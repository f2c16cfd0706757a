"""Where one starts: how each target does, what is open, what waits."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from console.domain.target_summary import targets
from console.page_context import Page

_WINDOWS = 24
_SOME = 6


def overview_pages() -> APIRouter:
    """`/`."""
    router = APIRouter()

    @router.get("/")
    async def overview(page: Page) -> HTMLResponse:
        quality, series, regressions, proposals, prompts = await page.all(
            page.get("/v1/quality", limit=500),
            page.maybe("/v1/quality/series", latest=_WINDOWS),
            page.get("/v1/regressions", state="open", limit=100),
            page.get("/v1/proposals", state="open", limit=_SOME, brief="true"),
            page.get("/v1/prompts", limit=100),
        )
        windows = series["items"] if series else []
        return page.show(
            "overview.html",
            targets=targets(quality["items"], windows, regressions["items"], prompts["items"]),
            regressions=regressions["items"][:_SOME],
            more_regressions=len(regressions["items"]) > _SOME,
            proposals=proposals["items"],
            prompts=prompts["items"],
            uncounted=quality["uncounted"],
        )

    return router
