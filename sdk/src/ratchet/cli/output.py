"""What the commands print. Texts from the server were written by strangers: none reaches the terminal raw."""

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
    NOT_CONFIRMED = 6
    NOT_FOUND = 7
    CONFLICT = 8
    INVALID = 9


def fail(message: str, code: Exit = Exit.FAILED) -> NoReturn:
    """Says on stderr what went wrong, and ends the command."""
    typer.echo(f"ratchet: {visible(message)}", err=True)
    raise typer.Exit(code)


def as_json(value: object) -> None:
    """JSON in ASCII, so that no terminal reads an escape in it."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=True))


def line(text: str, *, err: bool = False) -> None:
    """Print one line; on stderr if `err`."""
    typer.echo(visible(text), err=err)


def block(text: str, *, spelled: bool = False, err: bool = False) -> None:
    """Print several lines, each made safe; `spelled`: invisible characters are spelled out already, as in a diff."""
    typer.echo(visible_once(text) if spelled else visible_lines(text), err=err)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; wide enough for whole ids where nobody looks at a terminal."""
    grid = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        grid.add_row(*(Text(cell(value)) for value in row))
    console().print(grid if grid.row_count else Text("none"))


def cell(value: object) -> str:
    """A value in a table: short, on one line."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.4g}"
    text = visible(str(value))
    return text if len(text) <= 100 else text[:99] + "…"


def console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, width=None if stream.isatty() else _WIDE, highlight=False)


def show(answer: Mapping[str, Any], json_wanted: bool, columns: Mapping[str, str]) -> None:
    """A list of the server: as JSON, or the `columns` (heading → dotted field) of its items as a table."""
    if json_wanted:
        as_json(answer)
        return
    table(list(columns), ([reach(item, field) for field in columns.values()] for item in answer["items"]))
    if answer.get("next"):
        typer.echo("there are more: --limit", err=True)


def reach(item: object, field: str) -> object:
    """The value at a dotted place, None where there is none."""
    for part in field.split("."):
        item = item.get(part) if isinstance(item, Mapping) else None
    return item
