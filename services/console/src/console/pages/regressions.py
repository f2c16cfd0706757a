"""Pages of regressions: list, and one regression with its chart, executions and fix."""

from datetime import datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.domain.annotation_rows import task_bodies
from console.domain.charts import chart
from console.domain.judge_rows import agreement_words
from console.page_context import Page, PageContext
from console.pages.annotation import list_queues
from console.rendering import quote_segment
from shared.metric_catalog import JUDGE
from shared.web.pagination import Cursor

_PAGE_SIZE = 50
_MAX_EXECUTIONS = 6
_CHART_MARGIN = timedelta(hours=12)
_MAX_WINDOWS = 150


def regression_pages() -> APIRouter:
    """Return the routes below `/regressions`."""
    router = APIRouter(prefix="/regressions")

    @router.get("")
    async def regressions(
        page: Page,
        state: Annotated[str | None, Query(pattern="^(open|resolved)$")] = None,
        cursor: Cursor = None,
    ) -> HTMLResponse:
        found = await page.get("/v1/regressions", state=state, cursor=cursor, limit=_PAGE_SIZE)
        older = None if found["next"] is None else page.address(state=state, cursor=found["next"])
        return page.render("regressions.html", items=found["items"], older=older, state_asked=state)

    @router.get("/{regression_id}")
    async def regression(page: Page, regression_id: UUID) -> HTMLResponse:
        found = await page.get(f"/v1/regressions/{regression_id}")
        windows, bad, good, drafts, instructions, queues, judge = await page.gather(
            page.get_or_none("/v1/quality/series", **_series_query(found)),
            _executions(page, found["affected_executions"]),
            _executions(page, found.get("good_executions", [])),
            page.get_or_none("/v1/drafts", regression_id=regression_id),
            page.get_or_none("/v1/instruction-drafts", regression_id=regression_id),
            list_queues(page, found["target"]),
            _judge(page, found["metric"]),
        )
        return page.render(
            "regression.html",
            it=found,
            chart=chart(found, windows["items"]) if windows else None,
            bad=bad,
            good=good,
            drafts=drafts["items"] if drafts else [],
            instructions=instructions["items"] if instructions else [],
            queues=queues,
            judge=judge,
            annotation_tasks=task_bodies([*(bad or ()), *(good or ())]),
        )

    return router


async def _judge(page: PageContext, metric: str) -> str | None:
    """Return how far the judge whose scores a metric has agrees with people; None for any other metric."""
    if not metric.startswith(JUDGE):
        return None
    found = await page.get_or_none(f"/v1/judges/{quote_segment(metric.removeprefix(JUDGE))}")
    if found is None:
        return "its agreement with people is not measured here"
    words = agreement_words(found["agreement"])
    return f"Cohen’s kappa with people is {words.text} (n={words.n:,})"


def _series_query(regression: dict[str, Any]) -> dict[str, object]:
    """Return the query for the windows from 12 h before the change to 12 h after the recovery, if there was one."""
    change = regression["change"]
    resolved = regression["resolved_at"]
    began = datetime.fromisoformat(change["low"] if change else regression["window"]["start"])
    return {
        "target": regression["target"],
        "metric": regression["metric"],
        "since": (began - _CHART_MARGIN).isoformat(),
        "until": (datetime.fromisoformat(resolved) + _CHART_MARGIN).isoformat() if resolved else None,
        "limit": _MAX_WINDOWS,
    }


async def _executions(page: PageContext, ids: list[str]) -> list[dict[str, Any]] | None:
    """Return up to six of these executions; None if they can't be read."""
    if not ids:
        return []
    found = await page.get_or_none("/v1/executions", id=ids[:_MAX_EXECUTIONS])
    return None if found is None else list(found["items"])
