"""Pages of datasets: golden sets, their cases with reviews, and published versions."""

from typing import Literal

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from console.domain.dataset_cases import case_row
from console.page_context import Page
from console.rendering import quote_segment
from shared.web.pagination import Cursor

State = Literal["proposed", "accepted", "rejected"]
_PAGE_SIZE = 25
_VERSIONS = 20


def dataset_pages() -> APIRouter:
    """Return the routes below `/datasets`."""
    router = APIRouter(prefix="/datasets")

    @router.get("")
    async def datasets(page: Page, cursor: Cursor = None) -> HTMLResponse:
        found = await page.get("/v1/datasets", cursor=cursor, limit=50)
        older = page.address(cursor=found["next"]) if found["next"] else None
        return page.render("datasets.html", datasets=found["items"], older=older)

    @router.get("/{name}")
    async def dataset(page: Page, name: str, state: State | None = None, cursor: Cursor = None) -> HTMLResponse:
        path = f"/v1/datasets/{quote_segment(name)}"
        dataset, cases, versions = await page.gather(
            page.get(path),
            page.get(f"{path}/cases", state=state, cursor=cursor, limit=_PAGE_SIZE),
            page.get(f"{path}/versions", limit=_VERSIONS),
        )
        return page.render(
            "dataset.html",
            dataset=dataset,
            api=path,
            rows=[case_row(item) for item in cases["items"]],
            versions=versions["items"],
            state=state,
            older=page.address(state=state, cursor=cases["next"]) if cases["next"] else None,
        )

    return router
