"""The API's document and the page that shows it, for everyone: they hold no data."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse

from console.domain.api_document import merge_documents
from console.rendering import render_page
from console.upstream import Upstream

_SERVICES = ("collector", "analyzer", "proposer", "evaluator", "gatekeeper")


def api_docs_pages() -> APIRouter:
    """Return the routes `/docs` and `/openapi.json`."""
    router = APIRouter()

    @router.get("/docs")
    async def docs(request: Request) -> HTMLResponse:
        return render_page(request, "docs.html", {})

    @router.get("/openapi.json")
    async def document(request: Request) -> JSONResponse:
        """Return the document of all services as they run now. Raises ServiceUnavailable."""
        upstream: Upstream = request.app.state.upstream
        found = await asyncio.gather(*(upstream.get_public(f"/v1/openapi/{service}") for service in _SERVICES))
        return JSONResponse(merge_documents(dict(zip(_SERVICES, found, strict=True))))

    return router
