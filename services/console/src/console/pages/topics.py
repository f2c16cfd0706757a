"""Pages for operators: topics with their senders and consumers, and dead letters."""

from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from console.domain.topic_health import parked, topics, topics_needing_attention
from console.errors import ServiceUnavailable
from console.page_context import Page, PageContext
from shared.messaging.topics import SERVICES, WRITERS
from shared.web.pagination import Cursor

Service = Literal["analyzer", "collector", "evaluator", "gatekeeper", "proposer"]
_PAGE_SIZE = 20


def topic_pages() -> APIRouter:
    """Return the routes below `/topics`."""
    router = APIRouter(prefix="/topics")

    @router.get("")
    async def all_topics(page: Page) -> HTMLResponse:
        answers = await _answers(page)
        shown = topics(answers, WRITERS, page.now)
        return page.render(
            "topics.html", topics=shown, needs_attention=topics_needing_attention(shown), answers=answers
        )

    @router.get("/dead-letters")
    async def dead_letters(page: Page, service: Service | None = None, cursor: Cursor = None) -> HTMLResponse:
        counts = parked(await _answers(page))
        with_letters = next((name for name, n in counts.items() if n), SERVICES[0])
        selected = service or with_letters
        path = f"/v1/ops/{selected}/dead-letters"
        found = await page.get(path, cursor=cursor, limit=_PAGE_SIZE)
        older = page.address(service=selected, cursor=found["next"]) if found["next"] else None
        return page.render("dead_letters.html", items=found["items"], older=older, service=selected, counts=counts)

    return router


async def _answers(page: PageContext) -> dict[str, dict[str, Any] | None]:
    """Return the topics of each service; None if it is unavailable."""
    answers = await page.gather(*(_topics_of(page, service) for service in SERVICES))
    return dict(zip(SERVICES, answers, strict=True))


async def _topics_of(page: PageContext, service: str) -> dict[str, Any] | None:
    try:
        return await page.get(f"/v1/ops/{service}/topics")
    except ServiceUnavailable:
        return None
