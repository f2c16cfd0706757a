"""What metrics mean, and which values are not counted and why."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.domain.metric_rows import metric_targets
from console.page_context import Page


def metric_pages() -> APIRouter:
    """`/quality`; `/metrics` is what Prometheus reads."""
    router = APIRouter()

    @router.get("/quality")
    async def metrics(page: Page, cursor: Annotated[str | None, Query(max_length=2000)] = None) -> HTMLResponse:
        found = await page.get("/v1/metrics", cursor=cursor, limit=200)
        older = page.address(cursor=found["next"]) if found["next"] else None
        return page.show("metrics.html", targets=metric_targets(found["items"]), older=older)

    return router
