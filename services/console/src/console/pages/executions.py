"""Pages of executions: the list with its filters, one execution, and a trace as a tree."""

from typing import Any

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from console.domain import execution_rows
from console.domain.annotation_rows import task_bodies
from console.domain.case_choices import cases_of
from console.domain.execution_rows import (
    COLUMNS,
    DEFAULT_COLUMNS,
    FEEDBACK_CHOICES,
    MAIN_FILTERS,
    MORE_FILTERS,
    NUMERIC_COLUMNS,
    OUTCOMES,
)
from console.errors import AccessDenied
from console.page_context import Page, PageContext
from console.pages.annotation import list_queues
from console.rendering import quote_segment
from shared.web.pagination import Cursor

_PAGE_SIZE = 50
_TARGETS = 500
_REGRESSIONS = 50
_DATASETS = 100
_REFUSED = frozenset({400, 422})


def execution_pages() -> APIRouter:
    """Return the routes below `/executions` and `/traces`. Ids may contain slashes."""
    router = APIRouter()

    @router.get("/executions")
    async def executions(page: Page, cursor: Cursor = None) -> HTMLResponse:
        return await _render_list(page, cursor)

    @router.get("/executions/{execution_id:path}")
    async def execution(page: Page, execution_id: str) -> HTMLResponse:
        it = await page.get(f"/v1/executions/{quote_segment(execution_id)}")
        found, queues, datasets = await page.gather(
            page.get_or_none("/v1/regressions", target=it["target"], limit=_REGRESSIONS),
            list_queues(page, it["target"]),
            page.get_or_none("/v1/datasets", target=it["target"], limit=_DATASETS),
        )
        regressions = execution_rows.regressions_of(execution_id, found["items"] if found else [])
        return page.render(
            "execution.html", it=it, regressions=regressions, queues=queues, annotation_tasks=task_bodies([it]),
            datasets=datasets["items"] if datasets and page.viewer.may("tune") else [], cases=cases_of(it),
        )  # fmt: skip

    @router.get("/traces/{trace_id:path}")
    async def trace(page: Page, trace_id: str) -> HTMLResponse:
        it = await page.get(f"/v1/traces/{quote_segment(trace_id)}")
        return page.render("trace.html", it=it, timeline=execution_rows.trace_timeline(it["items"]))

    return router


async def _render_list(page: PageContext, cursor: str | None) -> HTMLResponse:
    """Return the list with the filters and columns of the request, and the views that are saved."""
    fields = {name: page.request.query_params.get(name, "") for name in (*MAIN_FILTERS, *MORE_FILTERS)}
    query = execution_rows.query_of(fields)
    columns = execution_rows.chosen_columns(page.request.query_params.getlist("column"))
    chosen = [] if columns == list(DEFAULT_COLUMNS) else columns
    found, quality, views = await page.gather(
        _list(page, query, cursor),
        page.get_or_none("/v1/quality", limit=_TARGETS),
        page.get_or_none("/v1/views"),
    )
    targets = {item["target"] for item in quality["items"]} if quality else set()
    more = page.address(**query, column=chosen, cursor=found["next"]) if found.get("next") else None
    return page.render(
        "executions.html",
        found=found,
        fields=fields | {name: execution_rows.form_time(fields[name]) for name in ("since", "until")},
        filtered=bool(query),
        more_filters=any(name in query for name in MORE_FILTERS),
        targets=sorted(targets),
        outcomes=OUTCOMES,
        feedback_choices=FEEDBACK_CHOICES,
        exports={form: _export(page, query, form) for form in ("jsonl", "csv", "parquet")},
        older=more,
        query=query,
        columns=columns,
        all_columns=COLUMNS,
        numeric=NUMERIC_COLUMNS,
        views=[(view, page.address(**execution_rows.view_query(view))) for view in (views or {"items": []})["items"]],
        may_save=views is not None,
    )


async def _list(page: PageContext, query: dict[str, str], cursor: str | None) -> dict[str, Any]:
    """Return a page of executions, or what is wrong with the filters as `problem`."""
    try:
        return await page.get("/v1/executions", **query, cursor=cursor, limit=_PAGE_SIZE)
    except AccessDenied as denied:
        if denied.status not in _REFUSED:
            raise
        return {"items": [], "next": None, "problem": denied.detail or denied.title}


def _export(page: PageContext, query: dict[str, str], form: str) -> str:
    return page.address(**query, format=form).replace("/executions", "/v1/executions/export", 1)
