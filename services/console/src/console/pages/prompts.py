"""Prompts: what is live under each name, what runs around Ratchet, what was live before, and any two compared."""

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from console.domain.client_processes import processes
from console.domain.prompt_edits import fields, kept
from console.domain.prompt_history import (
    observed_versions,
    rollback_choices,
    rollback_preview,
    texts_wanted,
    version_choices,
)
from console.domain.side_by_side import diff_rows
from console.page_context import NameInPath, Page, PageContext
from console.rendering import quoted
from console.viewer import AccessDenied
from shared.web.pagination import Cursor

_A_PAGE = 50
_VERSIONS = 20
_MOST = 100
Digest = Annotated[str | None, Query(pattern="^sha256:[0-9a-f]{64}$")]


def prompt_pages() -> APIRouter:
    """Below `/prompts`. A name may hold slashes, so what is more exact comes first."""
    router = APIRouter(prefix="/prompts")

    @router.get("")
    async def prompts(page: Page, cursor: Cursor = None) -> HTMLResponse:
        found = await page.get("/v1/prompts", cursor=cursor, limit=_A_PAGE)
        more = page.address(cursor=found["next"]) if found["next"] else None
        return page.show("prompts.html", items=found["items"], more_names=more)

    @router.get("/{name:path}/compare")
    async def compare(page: Page, name: NameInPath, a: Digest = None, b: Digest = None) -> HTMLResponse:
        it, past = await page.all(one_prompt(page, name), _past(page, name, _MOST))
        newest = version_choices(past["items"], it["observed"], a, b)
        b = b or (newest[0].digest if newest else None)
        a = a or past["previous"] or next((each.digest for each in newest if each.digest != b), None)
        known = await documents(page, filter(None, (a, b)))
        found = diff_rows(known[a], known[b]) if a in known and b in known else None
        return page.show("prompt_compare.html", name=name, choices=newest, a=a, b=b, rows=found)

    @router.get("/{name:path}/back")
    async def going_back(page: Page, name: NameInPath, to_digest: Digest = None) -> HTMLResponse:
        """What going back to a version would change: a part of the dialog."""
        live = (await one_prompt(page, name))["live"]
        now = live["digest"] if live else None
        known = await documents(page, filter(None, (now, to_digest)))
        return page.show("prompt_back.html", back=rollback_preview(known, now, to_digest))

    @router.get("/{name:path}")
    async def prompt(page: Page, name: NameInPath, cursor: Cursor = None) -> HTMLResponse:
        it, past, instances = await page.all(
            one_prompt(page, name), _past(page, name, _VERSIONS, cursor), page.maybe("/v1/instances")
        )
        live = it["live"]["digest"] if it["live"] else None
        ways = rollback_choices(past["items"], past["next"] is None, past["previous"], live)
        first = ways[0].digest if ways else None
        known = await documents(page, texts_wanted(it["observed"], live, first))
        return page.show(
            "prompt.html",
            it=it,
            versions=past["items"],
            older=page.address(cursor=past["next"]) if past["next"] else None,
            previous=past["previous"],
            ways_back=ways,
            back=rollback_preview(known, live, first),
            seen=observed_versions(it["observed"], known, live),
            processes=processes(instances["items"], name, it["live"]) if instances else None,
            text=fields(known[live]) if live in known else None,
            rest=kept(known[live]) if live in known else None,
        )

    return router


async def one_prompt(page: PageContext, name: str) -> dict[str, Any]:
    """What is live and observed under a name. Raises Refused where nothing ever was."""
    found = await page.get("/v1/prompts", name=name, limit=1)
    if not found["items"]:
        raise AccessDenied(404, "unknown-prompt", "No prompt of this name was seen here")
    return dict(found["items"][0])


async def documents(page: PageContext, digests: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The documents of those digests that are known."""
    wanted = list(digests)
    found = await page.all(*(page.maybe(f"/v1/versions/{digest}") for digest in wanted))
    return {digest: answer["document"] for digest, answer in zip(wanted, found, strict=True) if answer}


async def _past(page: PageContext, name: str, limit: int, cursor: str | None = None) -> dict[str, Any]:
    return await page.get(f"/v1/prompts/{quoted(name)}/versions", cursor=cursor, limit=limit)
