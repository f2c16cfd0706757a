"""Arguments and flags of `ratchet import`."""

from pathlib import Path
from typing import Annotated

import typer

_Pairs = list[str] | None

File = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, help="CSV, JSON, .xlsx or Parquet; may be compressed.")
]
Target = Annotated[str, typer.Option(help="The target of all rows.")]
Columns = Annotated[_Pairs, typer.Option("--map", metavar="FIELD=COLUMN", help="The column of a field. Repeatable.")]
Constants = Annotated[_Pairs, typer.Option("--set", metavar="FIELD=VALUE", help="A field of all rows. Repeatable.")]
MappingFile = Annotated[
    Path | None, typer.Option(exists=True, dir_okay=False, help="TOML with the tables columns and constants.")
]
TimeFormatName = Annotated[
    str | None,
    typer.Option(metavar="FORMAT", help="iso, day-first, month-first, epoch-s, epoch-ms, excel, or as %d.%m.%Y."),
]
Timezone = Annotated[
    str | None, typer.Option(metavar="ZONE", help="Zone of times without one, such as Europe/Berlin; default UTC.")
]
RejectedFile = Annotated[
    Path | None, typer.Option(dir_okay=False, help="Rows that are not imported; FILE.rejected.jsonl by default.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read the whole file, show the first items, and send nothing.")]
Restart = Annotated[bool, typer.Option("--restart", help="Send all rows, also those sent by an interrupted run.")]
