"""The page of judges: agreement with people, what they judge, and what they use."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from console.domain.judge_rows import agreement_words, limit_words, spend_words
from console.page_context import Page


def judge_pages() -> APIRouter:
    """Return the route `/judges`."""
    router = APIRouter(prefix="/judges")

    @router.get("")
    async def judges(page: Page) -> HTMLResponse:
        found, rules = await page.gather(page.get("/v1/judges"), page.get("/v1/judging"))
        return page.render(
            "judges.html",
            judges=found["items"],
            rules=rules["items"],
            available=found["available"],
            agreement_words=agreement_words,
            spend_words=spend_words,
            limit_words=limit_words,
        )

    return router
