"""`GET /v1/executions/export`: all executions that match, as a stream."""

from collections.abc import AsyncGenerator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import StreamingResponse

from collector.api.execution_filters import Words, filter_dependency
from collector.api.execution_models import ExecutionDetail
from collector.api.execution_responses import to_detail
from collector.domain.execution_filter import ExecutionFilter
from collector.domain.export_format import COLUMNS, MEDIA_TYPES, ExportFormat, LineFormat, export_line, header
from collector.domain.parquet_types import column_types
from collector.ingest.service import PseudonymKeyCache
from collector.storage.log_reader import ExecutionLogReader
from collector.storage.parquet.conversion import ParquetConversions
from shared.problems import Problem
from shared.web.problem_docs import problems

_TEXT = {"type": "string"}
_SCHEMAS: Mapping[ExportFormat, Any] = {"jsonl": _TEXT, "csv": _TEXT, "parquet": {**_TEXT, "format": "binary"}}
_PARQUET = column_types(ExecutionDetail, COLUMNS)


def execution_export_router(log: ExecutionLogReader, pseudonym_key: PseudonymKeyCache) -> APIRouter:
    """Return the route. It must come before `GET /v1/executions/{id}`, whose paths include this one."""
    router = APIRouter(prefix="/v1/executions", tags=["executions"])
    read_filter = filter_dependency(pseudonym_key)
    conversions = ParquetConversions()

    @router.get(
        "/export",
        response_class=StreamingResponse,
        responses={
            200: {"content": {media: {"schema": _SCHEMAS[form]} for form, media in MEDIA_TYPES.items()}},
            **problems({422: ["search-too-broad", "format-unavailable"]}),
        },
    )
    async def export_executions(
        wanted: Annotated[ExecutionFilter, Depends(read_filter)], format: ExportFormat = "jsonl", q: Words = None
    ) -> StreamingResponse:
        """Stream all executions that match, newest first, with all fields and their feedback.

        A line of JSON each, CSV with a header, or Parquet, for which pyarrow must be installed. A response that ends
        without its last chunk is incomplete.
        """
        name = f'attachment; filename="executions.{format}"'
        content = _export(log, wanted, "jsonl" if format == "parquet" else format, q)
        if format == "parquet":
            if not conversions.is_available():
                raise _unavailable()
            content = conversions.convert(content, _PARQUET)
        return StreamingResponse(content, media_type=MEDIA_TYPES[format], headers={"Content-Disposition": name})

    return router


def _unavailable() -> Problem:
    detail = "format: the server has no pyarrow, which ratchet-collector[parquet] installs; jsonl and csv need nothing"
    return Problem(422, "format-unavailable", "Parquet is not available", detail)


async def _export(
    log: ExecutionLogReader, wanted: ExecutionFilter, form: LineFormat, words: str | None
) -> AsyncGenerator[bytes, None]:
    """Yield the export in chunks of executions; only one chunk is in memory."""
    yield header(form)
    async for chunk in log.iterate(wanted, words):
        feedback = await log.list_feedback(wanted.project, chunk)
        details = (to_detail(entry, feedback.get(entry.reference, ())) for entry in chunk)
        yield b"".join([export_line(form, detail.model_dump(mode="json")) for detail in details])
