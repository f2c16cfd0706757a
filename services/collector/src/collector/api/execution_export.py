"""`GET /v1/executions/export`: all executions that match, as a stream."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from collector.api.execution_filters import Words, filter_dependency
from collector.api.execution_models import to_detail
from collector.domain.execution_filter import ExecutionFilter
from collector.domain.export_format import MEDIA_TYPES, ExportFormat, export_line, header
from collector.ingest.service import PseudonymKeyCache
from collector.storage.log_reader import ExecutionLogReader


def execution_export_router(log: ExecutionLogReader, pseudonym_key: PseudonymKeyCache) -> APIRouter:
    """Return the route. It must come before `GET /v1/executions/{id}`, whose paths include this one."""
    router = APIRouter(prefix="/v1/executions", tags=["executions"])
    read_filter = filter_dependency(pseudonym_key)

    @router.get(
        "/export",
        response_class=StreamingResponse,
        responses={200: {"content": {media: {} for media in MEDIA_TYPES.values()}}},
    )
    async def export_executions(
        wanted: Annotated[ExecutionFilter, Depends(read_filter)], format: ExportFormat = "jsonl", q: Words = None
    ) -> StreamingResponse:
        """Stream all executions that match, newest first, with all fields and their feedback.

        A line of JSON each, or CSV with a header. A response that ends without its last chunk is incomplete.
        """
        name = f'attachment; filename="executions.{format}"'
        lines = _export(log, wanted, format, q)
        return StreamingResponse(lines, media_type=MEDIA_TYPES[format], headers={"Content-Disposition": name})

    return router


async def _export(
    log: ExecutionLogReader, wanted: ExecutionFilter, form: ExportFormat, words: str | None
) -> AsyncIterator[bytes]:
    """Yield the export in chunks of executions; only one chunk is in memory."""
    yield header(form)
    async for chunk in log.iterate(wanted, words):
        feedback = await log.list_feedback(entry.reference for entry in chunk)
        details = (to_detail(entry, feedback.get(entry.reference, ())) for entry in chunk)
        yield b"".join([export_line(form, detail.model_dump(mode="json")) for detail in details])
