"""Executions as lines of JSON or CSV, and the media types of exports. Pure."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic_core import to_json

LineFormat = Literal["jsonl", "csv"]
ExportFormat = Literal[LineFormat, "parquet"]
MEDIA_TYPES: Mapping[ExportFormat, str] = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
}

COLUMNS = (
    "id", "target", "trace_id", "parent_id", "occurred_at", "received_at", "prompts", "model", "arm", "user", "session",
    "outcome", "input", "output", "contexts", "tools", "parameters", "attributes", "usage", "cost", "currency",
    "latency_ms", "time_to_first_token_ms", "scores", "consent", "region", "confidentiality", "feedback",
    "clock_skew_s", "revision",
)  # fmt: skip
"""The columns of CSV and Parquet. Lists and objects are JSON in the cells of CSV."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of texts that a spreadsheet would run as a formula."""


def header(form: LineFormat) -> bytes:
    """Return what precedes the first execution."""
    return _csv_line(COLUMNS) if form == "csv" else b""


def export_line(form: LineFormat, execution: Mapping[str, Any]) -> bytes:
    """Return one execution (a JSON object) as a line of the export."""
    if form == "jsonl":
        return to_json(execution) + b"\n"
    return _csv_line([_cell(execution.get(column)) for column in COLUMNS])


def _cell(value: object) -> object:
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False) if value else ""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value


def _csv_line(cells: Sequence[object]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
