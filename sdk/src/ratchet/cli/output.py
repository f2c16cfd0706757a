"""Output of the commands. Texts from the server are untrusted and made `visible` before they are printed."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ratchet.sanitize import visible, visible_lines, visible_once

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]

_WIDE = 200


class Exit(IntEnum):
    """Exit codes; 2 is the argument parser's. `cli/app.py` documents them for users."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_AUTHORISED = 4
    UNFINISHED = 5
    UNDECIDED = 6
    NOT_FOUND = 7
    CONFLICT = 8
    INVALID = 9
    INTERRUPTED = 130


def fail(message: str, code: Exit = Exit.FAILED) -> NoReturn:
    """Print an error on stderr and end the command with this exit code."""
    typer.echo(f"ratchet: {visible(message)}", err=True)
    raise typer.Exit(code)


def as_json(value: object) -> None:
    """Print JSON in ASCII, which contains no terminal escapes."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=True))


def line(text: str, *, err: bool = False) -> None:
    """Print one line; on stderr if `err`."""
    typer.echo(visible(text), err=err)


def block(text: str, *, escaped: bool = False, err: bool = False) -> None:
    """Print several lines, each made safe; `escaped`: invisible characters are escaped already."""
    typer.echo(visible_once(text) if escaped else visible_lines(text), err=err)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; wide enough for whole ids where stdout is not a terminal."""
    grid = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        grid.add_row(*(Text(cell(value)) for value in row))
    console().print(grid if grid.row_count else Text("none"))


def cell(value: object) -> str:
    """Return a value for a table cell: one line of at most 100 characters."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = visible(str(value))
    return text if len(text) <= 100 else text[:99] + "…"


def console(*, stderr: bool = False) -> Console:
    """Return a console on stdout or stderr."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _WIDE, highlight=False)


def show(answer: Mapping[str, Any], json_wanted: bool, columns: Mapping[str, str]) -> None:
    """Print a list of the server as JSON, or the `columns` (heading → dotted field) of its items as a table."""
    if json_wanted:
        as_json(answer)
        return
    table(list(columns), ([reach(item, field) for field in columns.values()] for item in answer["items"]))
    if answer.get("next"):
        typer.echo("more results exist: raise --limit", err=True)


def reach(item: object, field: str) -> object:
    """Return the value of a dotted field; None where it is absent."""
    for part in field.split("."):
        item = item.get(part) if isinstance(item, Mapping) else None
    return item
