"""What prompts there are: what is live under each name, and what runs around Ratchet."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.page import Page

_A_PAGE = 50


def prompt_pages() -> APIRouter:
    """`/prompts`."""
    router = APIRouter()

    @router.get("/prompts")
    async def prompts(page: Page, after: Annotated[str | None, Query(max_length=200)] = None) -> HTMLResponse:
        found = await page.get("/v1/prompts", after=after, limit=_A_PAGE)
        more = page.address(after=found["next"]) if found["next"] else None
        return page.show("prompts.html", items=found["items"], more_names=more)

    return router
