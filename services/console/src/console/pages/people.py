"""Who is who: people with their roles, and the keys of apps and services."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from console.page_context import Page

_ROLES = {
    "viewer": "sees everything",
    "operator": "sees everything, looks at topics, settles dead letters",
    "reviewer": "proposes, decides, goes back, resumes",
    "admin": "all of that, and people and keys",
}
_SCOPES = {
    "ingest": "send executions and feedback, be served prompts",
    "browser-ingest": "send feedback only, with a key that may be public (no CORS: not from other origins)",
    "read": "read what Ratchet knows",
    "operate": "look at topics and settle dead letters",
}


def people_pages() -> APIRouter:
    """`/people`."""
    router = APIRouter()

    @router.get("/people")
    async def people(page: Page) -> HTMLResponse:
        found, keys = await page.all(page.get("/v1/people"), page.get("/v1/keys"))
        return page.show("people.html", people=found["items"], keys=keys["items"], roles=_ROLES, scopes=_SCOPES)

    return router
