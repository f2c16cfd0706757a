"""Page of people with their roles, and of the keys of apps and services."""

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from console.page_context import Page

_ROLES = {
    "viewer": "read everything",
    "operator": "read everything, operate topics, replay or discard dead letters",
    "reviewer": "read, propose, decide, roll back, resume promotions",
    "admin": "everything, including people and keys",
}
_SCOPES = {
    "ingest": "send executions and feedback, receive prompts",
    "browser-ingest": "send feedback only, from the pages listed below; the key may be public",
    "evaluate": "run an app's own function on the cases of evaluations",
    "read": "read everything",
    "operate": "operate topics, replay or discard dead letters",
}


def people_pages() -> APIRouter:
    """Return the route `/people`."""
    router = APIRouter()

    @router.get("/people")
    async def people(page: Page) -> HTMLResponse:
        found, keys = await page.gather(page.get("/v1/people"), page.get("/v1/keys"))
        return page.render("people.html", people=found["items"], keys=keys["items"], roles=_ROLES, scopes=_SCOPES)

    return router
