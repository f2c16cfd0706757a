"""Wire one's own app: a key, the lines to paste, and the first execution as it comes in."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.domain.snippets import fastapi, plain
from console.page_context import Page, PageContext
from console.viewer import AccessDenied, ServiceUnavailable

Target = Annotated[str, Query(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]


def start_pages() -> APIRouter:
    """Below `/start`."""
    router = APIRouter(prefix="/start")

    @router.get("")
    async def start(page: Page, target: Target | None = None) -> HTMLResponse:
        if target is None:
            return page.show("start.html")
        return page.show(
            "start_wiring.html",
            target=target,
            origin=str(page.request.base_url).rstrip("/"),
            snippets={"Plain Python": plain(target), "FastAPI": fastapi(target)},
            execution=await _newest(page, target),
        )

    @router.get("/received")
    async def received(page: Page, target: Target) -> HTMLResponse:
        """The part of the page that asks again until there is an execution."""
        return page.show("start_received.html", target=target, execution=await _newest(page, target))

    return router


async def _newest(page: PageContext, target: str) -> dict[str, Any] | None:
    """The newest execution of a target; None where there is none, or nobody to ask just now."""
    try:
        return await page.get("/v1/executions/latest", target=target)
    except ServiceUnavailable:
        return None
    except AccessDenied as refused:
        if refused.status != 404:
            raise
        return None
