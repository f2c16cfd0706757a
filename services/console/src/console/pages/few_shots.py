"""Page of few-shot examples: live examples, candidates and grants."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.domain.few_shots import candidates, grants, slots
from console.page_context import Page, PageContext
from console.rendering import quote_segment
from shared.web.pagination import Cursor

_PAGE_SIZE = 12
_MAX_PROMPTS = 20


def few_shot_pages() -> APIRouter:
    """Return the route `/few-shots`."""
    router = APIRouter()

    @router.get("/few-shots")
    async def few_shots(
        page: Page,
        name: Annotated[str | None, Query(max_length=256)] = None,
        cursor: Cursor = None,
    ) -> HTMLResponse:
        prompts, all_grants, proposals, found = await page.gather(
            page.get("/v1/prompts", limit=100),
            page.get("/v1/grants"),
            page.get_or_none("/v1/proposals", state="open", limit=100),
            page.get_or_none("/v1/candidates", name=name, cursor=cursor, limit=_PAGE_SIZE),
        )
        live_slots = slots(await _live_prompts(page, prompts["items"]))
        return page.render(
            "few_shots.html",
            slots=live_slots,
            prompts=prompts["items"],
            proposals=[it for it in proposals["items"] if it["kind"] == "few_shot"] if proposals else [],
            grants=grants(all_grants["items"], page.now),
            candidates=candidates(found["items"], live_slots) if found else None,
            older=page.address(name=name, cursor=found["next"]) if found and found["next"] else None,
            name_asked=name,
            paged=cursor is not None,
        )

    return router


async def _live_prompts(page: PageContext, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first 20 live prompts with their documents and examples."""
    names = [item["name"] for item in items if item["live"]][:_MAX_PROMPTS]
    found = await page.gather(*(page.get_or_none(f"/v1/prompts/{quote_segment(name)}") for name in names))
    return [live for live in found if live]
