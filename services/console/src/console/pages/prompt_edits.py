"""Proposing an edit: a form over a version's messages, and what it would change while one writes."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from console.domain.permissions import reviewers
from console.domain.prompt_edits import Preview, fields, kept, posted, preview
from console.page_context import NameInPath, Page, PageContext
from console.pages.prompts import Digest, documents, one_prompt
from console.viewer import AccessDenied

_MOST_BYTES = 1_000_000
_DIGEST = re.compile("sha256:[0-9a-f]{64}")


def editing_pages() -> APIRouter:
    """`/prompts/{name}/edit`, and its preview. They come before the page that takes all the rest as a name."""
    router = APIRouter(prefix="/prompts/{name:path}")

    @router.get("/edit")
    async def edit(page: Page, name: NameInPath, start: Annotated[Digest, Query(alias="from")] = None) -> HTMLResponse:
        if not page.viewer.may("tune"):
            raise AccessDenied(403, "scope-missing", "Proposing an edit takes a reviewer")
        it = await one_prompt(page, name)
        start, base, target = _ends(it, start)
        known = await documents(page, {start, base})
        document = known.get(start, {})
        seen = preview(known.get(base), document)
        if seen.problem:
            raise AccessDenied(404, "unknown-version", "The text of this version is not known here")
        people = await page.maybe("/v1/people")
        alone = people is not None and not reviewers(people["items"], page.viewer.subject)
        made = {"document": document, "fields": fields(document), "kept": kept(document), "seen": seen}
        return page.show("prompt_edit.html", it=it, target=target, start=start, base=base, alone=alone, **made)

    @router.post("/preview")
    async def previewed(page: Page, request: Request) -> HTMLResponse:
        """A part of the form's page. It changes nothing anywhere."""
        return page.show("prompt_preview.html", seen=await _previewed(page, await _body(request)))

    return router


def _ends(it: dict[str, Any], start: str | None) -> tuple[str, str, str]:
    """The version to begin with, the one to replace, and the target: what is live, else what was observed last."""
    known = [seen for seen in it["observed"] if seen["content_known"]]
    if it["live"]:
        return start or it["live"]["digest"], it["live"]["digest"], it["live"]["target"]
    if not known:
        raise AccessDenied(
            404, "unknown-version", "The text of this prompt is not known here: the app told only digests"
        )
    first = next((seen for seen in known if seen["digest"] == start), known[0])
    return first["digest"], first["digest"], first["target"]


async def _body(request: Request) -> bytes | None:
    """None where it is larger than any prompt."""
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > _MOST_BYTES:
            return None
    return bytes(found)


async def _previewed(page: PageContext, form: bytes | None) -> Preview:
    try:
        sent = posted(form or b"")
    except ValueError:
        return Preview(None, [], "document", "can't be read, or is too large")
    base: str = sent["base_digest"]
    known = await documents(page, [base]) if _DIGEST.fullmatch(base) else {}
    return preview(known.get(base), sent["document"])
