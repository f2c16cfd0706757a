"""Pages of annotation: queues, the task of an annotator, and results with what an expert has to decide."""

from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from console.domain.annotation_rows import add_question_titles, question_fields, queue_row, task_row, total_tasks
from console.domain.json_object import JsonObject
from console.page_context import Page, PageContext
from console.rendering import quote_segment
from shared.web.pagination import Cursor

State = Literal["disagreement", "adjudicated", "agreed"]
_PAGE_SIZE = 10
_DATASETS = 100
_QUEUES = 50


def annotation_pages() -> APIRouter:
    """Return the routes below `/annotation`."""
    router = APIRouter(prefix="/annotation")

    @router.get("")
    async def queues(page: Page, cursor: Cursor = None) -> HTMLResponse:
        found = await page.get("/v1/annotation-queues", cursor=cursor, limit=25)
        older = page.address(cursor=found["next"]) if found["next"] else None
        return page.render("annotation.html", rows=[queue_row(item) for item in found["items"]], older=older)

    @router.get("/{name}")
    async def task(page: Page, name: str, correct: UUID | None = None) -> HTMLResponse:
        path = f"/v1/annotation-queues/{quote_segment(name)}"
        queue, held, own = await page.gather(page.get(path), page.get(f"{path}/next"), page.get(f"{path}/corrections"))
        corrected = next((item for item in own["items"] if item["id"] == str(correct)), None)
        return page.render(
            "annotation_task.html",
            queue=queue,
            total=total_tasks(queue),
            task=corrected or held["task"],
            corrects=corrected is not None,
            gone=correct is not None and corrected is None,
            last=own["items"][0] if own["items"] else None,
            questions=question_fields(queue["rubric"]),
            may_annotate=page.viewer.may("tune") or page.viewer.may("review"),
        )

    @router.get("/{name}/results")
    async def results(page: Page, name: str, state: State = "disagreement", cursor: Cursor = None) -> HTMLResponse:
        return await _render_results(page, f"/v1/annotation-queues/{quote_segment(name)}", state, cursor)

    return router


async def _render_results(page: PageContext, path: str, state: State, cursor: str | None) -> HTMLResponse:
    queue, found, tasks, datasets = await page.gather(
        page.get(path),
        page.get(f"{path}/results"),
        page.get(f"{path}/tasks", state=state, cursor=cursor, limit=_PAGE_SIZE),
        page.get_or_none("/v1/datasets", limit=_DATASETS),
    )
    return page.render(
        "annotation_results.html",
        queue=queue,
        agreement=add_question_titles(queue, found["agreement"]),
        biases=add_question_titles(queue, found["annotators"]),
        state=state,
        rows=[task_row(item, queue["rubric"]) for item in tasks["items"]],
        older=page.address(state=state, cursor=tasks["next"]) if tasks["next"] else None,
        datasets=[it for it in datasets["items"] if it["target"] == queue["target"]] if datasets else [],
    )


async def list_queues(page: PageContext, target: str) -> list[JsonObject]:
    """Return the queues of a target that the viewer may add executions to."""
    if not page.viewer.may("tune"):
        return []
    found = await page.get_or_none("/v1/annotation-queues", target=target, limit=_QUEUES)
    return found["items"] if found else []
