"""Few-shots: examples that are live, candidates as they come in, and the grants by which they go live."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.domain.few_shots import candidates, grants, slots
from console.page_context import Page, PageContext
from console.rendering import quoted

_A_PAGE = 12
_PROMPTS = 20


def few_shot_pages() -> APIRouter:
    """`/few-shots`."""
    router = APIRouter()

    @router.get("/few-shots")
    async def few_shots(
        page: Page,
        name: Annotated[str | None, Query(max_length=256)] = None,
        cursor: Annotated[int | None, Query(ge=0, le=1_000_000)] = None,
    ) -> HTMLResponse:
        known, given, offered, found = await page.all(
            page.get("/v1/prompts", limit=100),
            page.get("/v1/grants"),
            page.maybe("/v1/proposals", state="open", limit=100),
            page.maybe("/v1/candidates", name=name, cursor=cursor, limit=_A_PAGE),
        )
        filled = slots(await _lives(page, known["items"]))
        return page.show(
            "few_shots.html",
            slots=filled,
            prompts=known["items"],
            proposals=[it for it in offered["items"] if it["kind"] == "few_shot"] if offered else [],
            grants=grants(given["items"], page.now),
            candidates=candidates(found["items"], filled) if found else None,
            older=page.address(name=name, cursor=found["next"]) if found and found["next"] else None,
            name_asked=name,
            first=(cursor or 0) + 1,
        )

    return router


async def _lives(page: PageContext, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The live prompts with their documents and examples: the first of them."""
    names = [item["name"] for item in items if item["live"]][:_PROMPTS]
    found = await page.all(*(page.maybe(f"/v1/prompts/{quoted(name)}") for name in names))
    return [live for live in found if live]
