"""Pages of prompts: list, one prompt with its versions, comparison of two versions, rollback preview."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.domain.client_instances import prompt_delivery
from console.domain.prompt_edits import fields, format_uneditable_part
from console.domain.prompt_history import (
    observed_versions,
    rollback_choices,
    rollback_preview,
    texts_wanted,
    version_choices,
)
from console.domain.side_by_side import diff_rows
from console.errors import AccessDenied
from console.page_context import NameInPath, Page, PageContext
from console.pages.rollouts import latest_rollout
from console.rendering import quote_segment
from shared.web.pagination import Cursor

_PAGE_SIZE = 50
_VERSION_PAGE_SIZE = 20
_MAX_CHOICES = 100
Digest = Annotated[str | None, Query(pattern="^sha256:[0-9a-f]{64}$")]


def prompt_pages() -> APIRouter:
    """Return the routes below `/prompts`. Names may contain slashes, so the more specific routes come first."""
    router = APIRouter(prefix="/prompts")

    @router.get("")
    async def prompts(page: Page, cursor: Cursor = None) -> HTMLResponse:
        found = await page.get("/v1/prompts", cursor=cursor, limit=_PAGE_SIZE)
        more = page.address(cursor=found["next"]) if found["next"] else None
        return page.render("prompts.html", items=found["items"], more_names=more)

    @router.get("/{name:path}/compare")
    async def compare(page: Page, name: NameInPath, a: Digest = None, b: Digest = None) -> HTMLResponse:
        it, history = await page.gather(get_prompt(page, name), _versions(page, name, _MAX_CHOICES))
        choices = version_choices(history["items"], it["observed"], a, b)
        b = b or (choices[0].digest if choices else None)
        a = a or history["previous"] or next((each.digest for each in choices if each.digest != b), None)
        known = await get_documents(page, filter(None, (a, b)))
        found = diff_rows(known[a], known[b]) if a in known and b in known else None
        return page.render("prompt_compare.html", name=name, choices=choices, a=a, b=b, rows=found)

    @router.get("/{name:path}/back")
    async def rollback_preview_part(page: Page, name: NameInPath, to_digest: Digest = None) -> HTMLResponse:
        """Render what a rollback would change, inside the dialog."""
        live = (await get_prompt(page, name))["live"]
        now = live["digest"] if live else None
        known = await get_documents(page, filter(None, (now, to_digest)))
        return page.render("prompt_back.html", back=rollback_preview(known, now, to_digest))

    @router.get("/{name:path}")
    async def prompt(page: Page, name: NameInPath, cursor: Cursor = None) -> HTMLResponse:
        return await _render_prompt(page, name, cursor)

    return router


async def _render_prompt(page: PageContext, name: str, cursor: str | None) -> HTMLResponse:
    it, history, instances, rollout, texts = await page.gather(
        get_prompt(page, name),
        _versions(page, name, _VERSION_PAGE_SIZE, cursor),
        page.get_or_none("/v1/instances"),
        latest_rollout(page, name=name),
        page.get_or_none("/v1/repository-texts", name=name, limit=1),
    )
    live = it["live"]["digest"] if it["live"] else None
    choices = rollback_choices(history["items"], history["next"] is None, history["previous"], live)
    first = choices[0].digest if choices else None
    known = await get_documents(page, texts_wanted(it["observed"], live, first))
    return page.render(
        "prompt.html",
        it=it,
        rollout=rollout,
        repository=texts["items"][0] if texts and texts["items"] else None,
        versions=history["items"],
        older=page.address(cursor=history["next"]) if history["next"] else None,
        previous=history["previous"],
        rollback_choices=choices,
        back=rollback_preview(known, live, first),
        observed=observed_versions(it["observed"], known, live),
        delivery=prompt_delivery(instances, name) if instances else None,
        text=fields(known[live]) if live in known else None,
        rest=format_uneditable_part(known[live]) if live in known else None,
    )


async def get_prompt(page: PageContext, name: str) -> dict[str, Any]:
    """Return the live and observed versions of a prompt. Raises AccessDenied (404) if there are none."""
    found = await page.get("/v1/prompts", name=name, limit=1)
    if not found["items"]:
        raise AccessDenied(404, "unknown-prompt", "No prompt has this name")
    return dict(found["items"][0])


async def get_documents(page: PageContext, digests: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return the documents with these digests, by digest; unknown ones are left out."""
    wanted = list(digests)
    found = await page.gather(*(page.get_or_none(f"/v1/versions/{digest}") for digest in wanted))
    return {digest: answer["document"] for digest, answer in zip(wanted, found, strict=True) if answer}


async def _versions(page: PageContext, name: str, limit: int, cursor: str | None = None) -> dict[str, Any]:
    return await page.get(f"/v1/prompts/{quote_segment(name)}/versions", cursor=cursor, limit=limit)
