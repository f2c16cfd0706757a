"""Page to propose an edit: a form with the messages of a version, and a preview of the change."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from console.domain.permissions import reviewers
from console.domain.prompt_edits import Preview, fields, format_uneditable_part, parse_form, preview
from console.errors import AccessDenied
from console.page_context import NameInPath, Page, PageContext
from console.pages.prompts import Digest, get_documents, get_prompt

_MAX_BYTES = 1_000_000
_DIGEST = re.compile("sha256:[0-9a-f]{64}")


def prompt_edit_pages() -> APIRouter:
    """Return the routes `/prompts/{name}/edit` and its preview.

    They must be included before `/prompts/{name}`, which matches any path.
    """
    router = APIRouter(prefix="/prompts/{name:path}")

    @router.get("/edit")
    async def edit(page: Page, name: NameInPath, start: Annotated[Digest, Query(alias="from")] = None) -> HTMLResponse:
        if not page.viewer.may("tune"):
            raise AccessDenied(403, "scope-missing", "Only reviewers propose edits")
        it = await get_prompt(page, name)
        start, base, target = _versions(it, start)
        known = await get_documents(page, {start, base})
        document = known.get(start, {})
        result = preview(known.get(base), document)
        if result.problem:
            raise AccessDenied(404, "unknown-version", "The text of this version is not known")
        people = await page.get_or_none("/v1/people")
        alone = people is not None and not reviewers(people["items"], page.viewer.subject)
        made = {
            "document": document,
            "fields": fields(document),
            "kept": format_uneditable_part(document),
            "preview": result,
        }
        return page.render("prompt_edit.html", it=it, target=target, start=start, base=base, alone=alone, **made)

    @router.post("/preview")
    async def edit_preview(page: Page, request: Request) -> HTMLResponse:
        """Render the preview inside the form. It changes nothing."""
        return page.render("prompt_preview.html", preview=await _preview(page, await _body(request)))

    return router


def _versions(it: dict[str, Any], start: str | None) -> tuple[str, str, str]:
    """Return the version to start from, the base to replace, and the target.

    The base is the live version, else the latest observed one with a known text.
    """
    known = [version for version in it["observed"] if version["content_known"]]
    if it["live"]:
        return start or it["live"]["digest"], it["live"]["digest"], it["live"]["target"]
    if not known:
        raise AccessDenied(404, "unknown-version", "The text of this prompt is not known: the app sent its digest only")
    first = next((version for version in known if version["digest"] == start), known[0])
    return first["digest"], first["digest"], first["target"]


async def _body(request: Request) -> bytes | None:
    """Return the request body; None if it is larger than 1 MB."""
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > _MAX_BYTES:
            return None
    return bytes(found)


async def _preview(page: PageContext, form: bytes | None) -> Preview:
    try:
        submitted = parse_form(form or b"")
    except ValueError:
        return Preview(None, [], "document", "must be a JSON document of at most 1 MB")
    base: str = submitted["base_digest"]
    known = await get_documents(page, [base]) if _DIGEST.fullmatch(base) else {}
    return preview(known.get(base), submitted["document"])
