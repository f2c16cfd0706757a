"""`ratchet executions`: the execution log, as a list, one by one, or exported."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal
from urllib.parse import quote

import typer

from ratchet.cli.output import Exit, as_json, fail, line, show
from ratchet.cli.session import get, session

Format = Literal["table", "json", "jsonl", "csv", "parquet"]
_EXPORTS = ("jsonl", "csv", "parquet")
_COLUMNS = {
    "id": "id", "occurred": "occurred_at", "target": "target", "outcome": "outcome", "model": "model",
    "ms": "latency_ms", "cost": "cost", "in": "currency", "tokens": "usage.total_tokens", "input": "input_excerpt",
    "output": "output_excerpt",
}  # fmt: skip


def executions(
    execution_id: Annotated[str | None, typer.Argument(help="Show this execution with all that is stored.")] = None,
    target: Annotated[str | None, typer.Option(help="Only this target.")] = None,
    since: Annotated[str | None, typer.Option(help="Occurred then or later: a time with its offset.")] = None,
    until: Annotated[str | None, typer.Option(help="Occurred before.")] = None,
    prompt_version: Annotated[
        str | None, typer.Option("--prompt-version", help="Digest of a prompt in use, or the app's label.")
    ] = None,
    model: Annotated[str | None, typer.Option()] = None,
    arm: Annotated[str | None, typer.Option()] = None,
    outcome: Annotated[str | None, typer.Option(help="ok, error, refused or timeout.")] = None,
    user: Annotated[str | None, typer.Option(help="The app's own id of the user.")] = None,
    user_hash: Annotated[str | None, typer.Option(help="The field `user` of an execution.")] = None,
    session_id: Annotated[str | None, typer.Option("--session")] = None,
    trace: Annotated[str | None, typer.Option()] = None,
    tool: Annotated[str | None, typer.Option(help="Name of a tool that was called.")] = None,
    feedback: Annotated[str | None, typer.Option(help="With feedback of this kind, any, or none.")] = None,
    metric: Annotated[str | None, typer.Option(help="With a value of it, such as latency_ms or score.<name>.")] = None,
    low: Annotated[float | None, typer.Option("--min", help="Smallest value of the metric.")] = None,
    high: Annotated[float | None, typer.Option("--max", help="Largest value of the metric.")] = None,
    text: Annotated[str | None, typer.Option(help="Text in inputs, outputs, contexts or tool calls.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100, help="Maximum number of results of table and json.")] = 20,
    form: Annotated[
        Format, typer.Option("--format", help="jsonl, csv and parquet export all that match, with their whole texts.")
    ] = "table",
    output: Annotated[Path | None, typer.Option(help="The file to write an export to; stdout by default.")] = None,
) -> None:
    """List executions, newest first, show one, or export all that match the filters."""
    filters: dict[str, object] = {
        "target": target, "since": since, "until": until, "version": prompt_version, "model": model, "arm": arm,
        "outcome": outcome, "user": user, "user_hash": user_hash, "session": session_id, "trace_id": trace,
        "tool": tool, "feedback": feedback, "metric": metric, "min": low, "max": high, "q": text,
    }  # fmt: skip
    if execution_id is not None:
        _show_execution(execution_id, filters, form, output)
    elif form in _EXPORTS:
        _export(form, filters, output)
    else:
        _list_executions(filters, form, limit, output)


def _list_executions(filters: dict[str, object], form: Format, limit: int, output: Path | None) -> None:
    if output is not None:
        fail("--output is for --format jsonl, csv or parquet", Exit.USAGE)
    found = get("maker", "/v1/executions", limit=limit, **filters)
    show(found, form == "json", _COLUMNS)
    if found.get("searched") is not None:
        line(f"searched the texts of {found['searched']:,} executions", err=True)


def _show_execution(execution_id: str, filters: dict[str, object], form: Format, output: Path | None) -> None:
    if any(value is not None for value in filters.values()) or output is not None or form in _EXPORTS:
        fail("an ID can only be combined with --format table or json", Exit.USAGE)
    found: dict[str, Any] = get("maker", f"/v1/executions/{quote(execution_id, safe='')}")
    if form == "json":
        as_json(found)
        return
    for name, value in found.items():
        if value not in (None, [], {}):
            line(f"{name}: {value if isinstance(value, str) else _compact(value)}")


def _compact(value: object) -> str:
    """Return JSON on one line, without the members of objects that are null."""
    return json.dumps(_without_null(value), ensure_ascii=False)


def _without_null(value: object) -> object:
    if isinstance(value, dict):
        return {name: _without_null(inner) for name, inner in value.items() if inner is not None}
    return [_without_null(inner) for inner in value] if isinstance(value, list) else value


def _export(form: Format, filters: dict[str, object], output: Path | None) -> None:
    """Write all executions that match. A file gets its name once it is complete."""
    if output is None and form == "csv" and sys.stdout.isatty():
        fail("CSV has texts of users as they are, which a terminal would obey: give --output", Exit.USAGE)
    if output is None and form == "parquet" and sys.stdout.isatty():
        fail("Parquet is binary, which a terminal can't show: give --output", Exit.USAGE)
    with session("maker") as server:
        chunks = server.stream("/v1/executions/export", format=form, **filters)
        if output is None:
            _write(chunks, sys.stdout.buffer)
            return
        partial = output.with_name(f"{output.name}.partial")
        try:
            with partial.open("wb") as file:
                _write(chunks, file)
            partial.replace(output)
        except OSError as error:
            fail(f"{output} can't be written: {error.strerror}")


def _write(chunks: Iterable[bytes], file: BinaryIO) -> None:
    for chunk in chunks:
        file.write(chunk)
    file.flush()
