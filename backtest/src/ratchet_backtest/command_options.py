"""Arguments and flags of `ratchet backtest`; imports nothing slow."""

from pathlib import Path
from typing import Annotated

import typer

from ratchet_backtest.option_types import ColumnKind, Mark, Preset

_COLUMN = "COLUMN"
_WORDS = "WORD,WORD"
_Names = list[str] | None

File = Annotated[
    Path | None, typer.Argument(exists=True, dir_okay=False, help="CSV, JSON, .xlsx or Parquet; may be compressed.")
]
FromLangfuse = Annotated[
    bool,
    typer.Option("--langfuse", help="Read a server: LANGFUSE_HOST, LANGFUSE_PUBLIC_KEY, LANGFUSE_SECRET_KEY."),
]
Days = Annotated[int, typer.Option(min=1, max=3650, help="With --langfuse: number of days to read.")]
SourceFormat = Annotated[Preset | None, typer.Option("--as", help="A known file format.")]
Values = Annotated[_Names, typer.Option("--value", "--score", metavar=_COLUMN, help="Measured values. Repeatable.")]
Time = Annotated[str | None, typer.Option(metavar=_COLUMN, help="Times. Without them, the order of the file.")]
Version = Annotated[str | None, typer.Option(metavar=_COLUMN, help="Prompt versions.")]
Model = Annotated[str | None, typer.Option(metavar=_COLUMN, help="Models.")]
TargetColumn = Annotated[str | None, typer.Option(metavar=_COLUMN, help="Apps or routes.")]
Segments = Annotated[_Names, typer.Option(metavar=_COLUMN, help="Traffic segments, such as language. Repeatable.")]
User = Annotated[str | None, typer.Option(metavar=_COLUMN, help="Users.")]
Input = Annotated[str | None, typer.Option("--input", metavar=_COLUMN, help="Inputs of users.")]
Kind = Annotated[ColumnKind | None, typer.Option(help="Kind of the values.")]
Limits = Annotated[str | None, typer.Option(metavar="LOW:HIGH", help="Scale of scores, such as 0:10.")]
LowerIsBetter = Annotated[
    bool | None, typer.Option("--lower-is-better/--higher-is-better", help="Direction of all columns of values.")
]
Directions = Annotated[
    _Names, typer.Option(metavar="COLUMN=higher|lower", help="Direction of a column of values. Repeatable.")
]
Good = Annotated[_Names, typer.Option(metavar=_WORDS, help="Good labels.")]
Bad = Annotated[_Names, typer.Option(metavar=_WORDS, help="Bad labels.")]
MissingWords = Annotated[_Names, typer.Option(metavar=_WORDS, help="Words for missing values, besides NULL, N/A …")]
Decimal = Annotated[Mark | None, typer.Option(help="Decimal mark of numbers.")]
MetricColumn = Annotated[str | None, typer.Option(metavar=_COLUMN, help="Metric names, if each row has one metric.")]
TimeFormatName = Annotated[
    str | None,
    typer.Option(metavar="FORMAT", help="iso, day-first, month-first, epoch-s, epoch-ms, excel, or as %d.%m.%Y."),
]
Timezone = Annotated[
    str | None, typer.Option(metavar="ZONE", help="Zone of times without one, such as Europe/Berlin; default UTC.")
]
NewestFirst = Annotated[
    bool | None, typer.Option("--newest-first/--oldest-first", help="Order of the file, if times do not give it.")
]
Header = Annotated[bool | None, typer.Option(help="Whether the first line has the column names.")]
Sheet = Annotated[str | None, typer.Option(metavar="NAME", help="Sheet of a workbook.")]
VersionOrder = Annotated[str, typer.Option(metavar="V1,V2", help="Replay only these versions, in this order.")]
RulesFile = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="Rules file of the service: floors, rates …")
]
HtmlFile = Annotated[Path | None, typer.Option(dir_okay=False, help="Write a report with charts to this file.")]
