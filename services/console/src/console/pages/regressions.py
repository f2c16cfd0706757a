"""What got worse: the list, and one with all that is known of it."""

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.domain.charts import chart
from console.page_context import Page, PageContext

_A_PAGE = 50
_SHOWN = 6
_AROUND = timedelta(hours=12)
_MOST_WINDOWS = 150


def regression_pages() -> APIRouter:
    """Below `/regressions`."""
    router = APIRouter(prefix="/regressions")

    @router.get("")
    async def regressions(
        page: Page,
        state: Annotated[str | None, Query(pattern="^(open|resolved)$")] = None,
        after: Annotated[int | None, Query(ge=0)] = None,
    ) -> HTMLResponse:
        found = await page.get("/v1/regressions", state=state, after=after, limit=_A_PAGE)
        older = None if found["next"] is None else page.address(state=state, after=found["next"])
        return page.show("regressions.html", items=found["items"], older=older, state_asked=state)

    @router.get("/{regression_id}")
    async def regression(page: Page, regression_id: UUID) -> HTMLResponse:
        found = await page.get(f"/v1/regressions/{regression_id}")
        windows, bad, good, drafts = await asyncio.gather(
            page.maybe("/v1/quality/series", **_course(found)),
            _executions(page, found["affected_executions"]),
            _executions(page, found.get("good_executions", [])),
            page.maybe("/v1/drafts", regression_id=regression_id),
        )
        return page.show(
            "regression.html",
            it=found,
            chart=chart(found, windows["items"]) if windows else None,
            bad=bad,
            good=good,
            drafts=drafts["items"] if drafts else [],
        )

    return router


def _course(regression: dict[str, Any]) -> dict[str, object]:
    """The windows around the change, and to the recovery where there was one."""
    change = regression["change"]
    resolved = regression["resolved_at"]
    began = datetime.fromisoformat(change["low"] if change else regression["window"]["start"])
    return {
        "target": regression["target"],
        "metric": regression["metric"],
        "since": (began - _AROUND).isoformat(),
        "until": (datetime.fromisoformat(resolved) + _AROUND).isoformat() if resolved else None,
        "limit": _MOST_WINDOWS,
    }


async def _executions(page: PageContext, ids: list[str]) -> list[dict[str, Any]] | None:
    """Some of these, with their texts; None where they can't be had now."""
    if not ids:
        return []
    found = await page.maybe("/v1/executions", id=ids[:_SHOWN])
    return None if found is None else list(found["items"])
