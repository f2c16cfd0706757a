"""Page of metrics: their definition, and the values that are not counted."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from console.domain.metric_rows import metric_targets
from console.page_context import Page
from shared.web.pagination import Cursor


def metric_pages() -> APIRouter:
    """Return the route `/quality` (`/metrics` is for Prometheus)."""
    router = APIRouter()

    @router.get("/quality")
    async def metrics(page: Page, cursor: Cursor = None) -> HTMLResponse:
        found = await page.get("/v1/metrics", cursor=cursor, limit=200)
        more = page.address(cursor=found["next"]) if found["next"] else None
        return page.render("metrics.html", targets=metric_targets(found["items"]), more=more)

    return router
