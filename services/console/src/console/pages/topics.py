"""What operators keep open: topics, who sends and takes them, what waits; and dead letters."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.domain.topic_health import parked, topics, topics_needing_attention
from console.page_context import Page, PageContext
from console.viewer import ServiceUnavailable
from shared.messaging.topics import SERVICES, WRITERS

Service = Literal["analyzer", "collector", "gatekeeper", "proposer"]
_A_PAGE = 20


def topic_pages() -> APIRouter:
    """Below `/topics`."""
    router = APIRouter(prefix="/topics")

    @router.get("")
    async def all_topics(page: Page) -> HTMLResponse:
        answers = await _answers(page)
        shown = topics(answers, WRITERS, page.now)
        return page.show("topics.html", topics=shown, troubles=topics_needing_attention(shown), answers=answers)

    @router.get("/dead-letters")
    async def dead_letters(
        page: Page, service: Service | None = None, before: Annotated[datetime | None, Query()] = None
    ) -> HTMLResponse:
        counts = parked(await _answers(page))
        lying = next((name for name, n in counts.items() if n), SERVICES[0])
        asked = service or lying
        path = f"/v1/ops/{asked}/dead-letters"
        found = await page.get(path, before=before and before.isoformat(), limit=_A_PAGE)
        older = page.address(service=asked, before=found["next"]) if found["next"] else None
        return page.show("dead_letters.html", items=found["items"], older=older, service=asked, counts=counts)

    return router


async def _answers(page: PageContext) -> dict[str, dict[str, Any] | None]:
    """What each service says of its topics; None where it is away."""
    said = await page.all(*(_topics_of(page, service) for service in SERVICES))
    return dict(zip(SERVICES, said, strict=True))


async def _topics_of(page: PageContext, service: str) -> dict[str, Any] | None:
    try:
        return await page.get(f"/v1/ops/{service}/topics")
    except ServiceUnavailable:
        return None
