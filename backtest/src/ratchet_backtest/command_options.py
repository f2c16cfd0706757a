"""Arguments and flags of `ratchet backtest`, in groups; imports nothing slow."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from ratchet.cli.output import AsJson
from ratchet_backtest.option_types import ColumnKind, Mark, Preset

_COLUMN = "COLUMN"
_WORDS = "WORD,WORD"
_Names = list[str] | None


@dataclass(frozen=True)
class SourceFlags:
    """Where the values are read from."""

    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="CSV, JSON, .xlsx or Parquet; may be compressed.")
    ] = None
    langfuse: Annotated[
        bool,
        typer.Option("--langfuse", help="Read a server: LANGFUSE_HOST, LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY."),
    ] = False
    days: Annotated[int, typer.Option(min=1, max=3650, help="With --langfuse: number of days to read.")] = 30
    preset: Annotated[Preset | None, typer.Option("--as", help="A known file format.")] = None


@dataclass(frozen=True)
class ColumnFlags:
    """Names of columns."""

    value: Annotated[
        _Names, typer.Option("--value", "--score", metavar=_COLUMN, help="Measured values. Repeatable.")
    ] = None
    time: Annotated[str | None, typer.Option(metavar=_COLUMN, help="Times. Without them, the order of the file.")] = (
        None
    )
    version: Annotated[str | None, typer.Option(metavar=_COLUMN, help="Prompt versions.")] = None
    model: Annotated[str | None, typer.Option(metavar=_COLUMN, help="Models.")] = None
    target: Annotated[str | None, typer.Option(metavar=_COLUMN, help="Apps or routes.")] = None
    segment: Annotated[
        _Names, typer.Option(metavar=_COLUMN, help="Traffic segments, such as language. Repeatable.")
    ] = None
    user: Annotated[str | None, typer.Option(metavar=_COLUMN, help="Users.")] = None
    text: Annotated[str | None, typer.Option("--input", metavar=_COLUMN, help="Inputs of users.")] = None


@dataclass(frozen=True)
class FormatFlags:
    """How the file, its values and its times are read."""

    kind: Annotated[ColumnKind | None, typer.Option(help="Kind of the values.")] = None
    scale: Annotated[str | None, typer.Option(metavar="LOW:HIGH", help="Scale of scores, such as 0:10.")] = None
    lower: Annotated[
        bool | None, typer.Option("--lower-is-better/--higher-is-better", help="Direction of all columns of values.")
    ] = None
    direction: Annotated[
        _Names, typer.Option(metavar="COLUMN=higher|lower", help="Direction of a column of values. Repeatable.")
    ] = None
    good: Annotated[_Names, typer.Option(metavar=_WORDS, help="Good labels.")] = None
    bad: Annotated[_Names, typer.Option(metavar=_WORDS, help="Bad labels.")] = None
    missing: Annotated[_Names, typer.Option(metavar=_WORDS, help="Words for missing values, besides NULL, N/A …")] = (
        None
    )
    decimal: Annotated[Mark | None, typer.Option(help="Decimal mark of numbers.")] = None
    metric: Annotated[str | None, typer.Option(metavar=_COLUMN, help="Metric names, if each row has one metric.")] = (
        None
    )
    time_format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="iso, day-first, month-first, epoch-s, epoch-ms, excel, or as %d.%m.%Y."),
    ] = None
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="Zone of times without one, such as Europe/Berlin; default UTC.")
    ] = None
    newest_first: Annotated[
        bool | None, typer.Option("--newest-first/--oldest-first", help="Order of the file, if times do not give it.")
    ] = None
    header: Annotated[bool | None, typer.Option(help="Whether the first line has the column names.")] = None
    sheet: Annotated[str | None, typer.Option(metavar="NAME", help="Sheet of a workbook.")] = None


@dataclass(frozen=True)
class RunFlags:
    """What is replayed, and how it is reported."""

    order: Annotated[str, typer.Option(metavar="V1,V2", help="Replay only these versions, in this order.")] = ""
    rules: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="Rules file of the service: floors, rates …")
    ] = None
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a report with charts to this file.")] = None
    json: AsJson = False
