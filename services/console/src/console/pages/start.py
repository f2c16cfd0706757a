"""Pages to connect an app: a key, the code to paste, and the first execution."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.domain.snippets import fastapi, plain
from console.errors import AccessDenied, ServiceUnavailable
from console.page_context import Page, PageContext

Target = Annotated[str, Query(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]


def start_pages() -> APIRouter:
    """Return the routes below `/start`."""
    router = APIRouter(prefix="/start")

    @router.get("")
    async def start(page: Page, target: Target | None = None) -> HTMLResponse:
        if target is None:
            return page.render("start.html")
        return page.render(
            "start_wiring.html",
            target=target,
            origin=str(page.request.base_url).rstrip("/"),
            snippets={"Plain Python": plain(target), "FastAPI": fastapi(target)},
            execution=await _latest(page, target),
        )

    @router.get("/received")
    async def received(page: Page, target: Target) -> HTMLResponse:
        """Render the part of the page that polls until there is an execution."""
        return page.render("start_received.html", target=target, execution=await _latest(page, target))

    return router


async def _latest(page: PageContext, target: str) -> dict[str, Any] | None:
    """Return the latest execution of a target; None if there is none or the collector is unavailable."""
    try:
        return await page.get("/v1/executions/latest", target=target)
    except ServiceUnavailable:
        return None
    except AccessDenied as denied:
        if denied.status != 404:
            raise
        return None
