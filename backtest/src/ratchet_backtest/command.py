"""`ratchet backtest`: its flags. The work is imported when it is asked for, so that `ratchet --help` stays quick."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ratchet.cli.output import AsJson, Exit, as_json, fail
from ratchet.tables import BadFile
from ratchet_backtest.option_types import Kind, Mark, Preset

if TYPE_CHECKING:
    from ratchet_backtest.report import Report
    from ratchet_backtest.runner import Options

_COLUMN = "COLUMN"


def backtest(
    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="CSV, JSON, .xlsx or Parquet; packed or not.")
    ] = None,
    langfuse: Annotated[
        bool, typer.Option("--langfuse", help="Read LANGFUSE_HOST with LANGFUSE_PUBLIC_KEY and LANGFUSE_SECRET_KEY.")
    ] = False,
    days: Annotated[int, typer.Option(min=1, max=3650, help="With --langfuse: how far back.")] = 30,
    source: Annotated[Preset | None, typer.Option("--as", help="A file of a known shape.")] = None,
    value: Annotated[
        list[str] | None, typer.Option("--value", "--score", metavar=_COLUMN, help="What was measured. Repeatable.")
    ] = None,
    time: Annotated[str | None, typer.Option(metavar=_COLUMN, help="When. Without one, the file's order.")] = None,
    version: Annotated[str | None, typer.Option(metavar=_COLUMN, help="The prompt's version.")] = None,
    model: Annotated[str | None, typer.Option(metavar=_COLUMN, help="The model.")] = None,
    target: Annotated[str | None, typer.Option(metavar=_COLUMN, help="The app or route.")] = None,
    segment: Annotated[
        list[str] | None, typer.Option(metavar=_COLUMN, help="What traffic differs by, as language. Repeatable.")
    ] = None,
    user: Annotated[str | None, typer.Option(metavar=_COLUMN, help="Who said it.")] = None,
    text: Annotated[str | None, typer.Option("--input", metavar=_COLUMN, help="What the user asked.")] = None,
    kind: Annotated[Kind | None, typer.Option(help="What the values are.")] = None,
    scale: Annotated[str | None, typer.Option(metavar="LOW:HIGH", help="The scale of scores, as 0:10.")] = None,
    lower: Annotated[
        bool | None, typer.Option("--lower-is-better/--higher-is-better", help="Which end of all scales is good.")
    ] = None,
    direction: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=higher|lower", help="Which end is good in one column. Repeatable."),
    ] = None,
    good: Annotated[list[str] | None, typer.Option(metavar="WORD,WORD", help="Labels that are good.")] = None,
    bad: Annotated[list[str] | None, typer.Option(metavar="WORD,WORD", help="Labels that are bad.")] = None,
    missing: Annotated[
        list[str] | None, typer.Option(metavar="WORD,WORD", help="Words that count as empty, besides NULL, N/A …")
    ] = None,
    decimal: Annotated[Mark | None, typer.Option(help="The mark before decimals.")] = None,
    metric: Annotated[
        str | None, typer.Option(metavar=_COLUMN, help="The metric's name, where each row is about one metric.")
    ] = None,
    time_format: Annotated[
        str | None,
        typer.Option(metavar="FORMAT", help="iso, day-first, month-first, epoch-s, epoch-ms, excel, or as %d.%m.%Y."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(metavar="ZONE", help="The zone of times without one, as Europe/Berlin; else UTC.")
    ] = None,
    newest_first: Annotated[
        bool | None,
        typer.Option("--newest-first/--oldest-first", help="The file's order, where times cannot tell it."),
    ] = None,
    header: Annotated[bool | None, typer.Option(help="Whether the first line names the columns.")] = None,
    sheet: Annotated[str | None, typer.Option(metavar="NAME", help="The sheet of a workbook.")] = None,
    order: Annotated[str, typer.Option(metavar="V1,V2", help="Only these versions, one after the other.")] = "",
    rules: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The service's file of rules: floors, rates …")
    ] = None,
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a report with charts here.")] = None,
    json: AsJson = False,
) -> None:
    """What Ratchet would have found in a file of the past, or on a Langfuse server: nothing is sent or changed there.

    What no flag says is guessed, and what was guessed is said. What is in doubt is asked on a terminal; elsewhere it
    is refused with the flags that decide it.

    Exit codes: 0 done, whatever was found; 2 the file, or what was asked of it, cannot be used, or no value in it can;
    of Langfuse besides 1 what it says cannot be used, 3 it cannot be reached, 4 the keys may not read there.
    """
    from analyzer.domain.rules import InvalidRules, read_rules
    from ratchet.tables import Layout
    from ratchet_backtest.columns import PRESETS, Given
    from ratchet_backtest.html_report import render_html
    from ratchet_backtest.questions import answered, directions, meanings, terminal, words
    from ratchet_backtest.report import plain
    from ratchet_backtest.runner import Options
    from ratchet_backtest.scales import limits
    from ratchet_backtest.text_report import print_report

    if langfuse == (file is not None):
        fail("name a file of the past, or give --langfuse", Exit.USAGE)
    if langfuse and source:
        fail("--as is of files", Exit.USAGE)
    given = Given(time, tuple(value or ()), target, version, model, text, tuple(segment or ()), user)
    if html and not html.parent.is_dir():
        fail(f"--html: there is no directory {html.parent}", Exit.USAGE)
    try:
        question = Options(
            given.over(PRESETS[source]) if source else given,
            kind,
            limits(scale) if scale else None,
            None if lower is None else "lower" if lower else "higher",
            tuple(filter(None, order.split(","))),
            read_rules(rules) if rules else (),
            directions(direction or ()),
            decimal,
            meanings(good or (), bad or ()),
            Layout(header, sheet, frozenset(words(missing or ()))),
            metric,
            time_format,
            timezone,
            newest_first,
        )
        asked = None if json else terminal()
        found = answered(question, partial(_of_file, file) if file else partial(_of_langfuse, days), asked)
        if html:
            html.write_text(render_html(found), "utf-8")
    except (BadFile, InvalidRules, OSError) as error:
        fail(str(error), Exit.USAGE)
    if json:
        as_json(plain(found))
    else:
        print_report(found)


def _of_file(file: Path, question: "Options") -> "Report":
    from ratchet_backtest.runner import progress, run_backtest

    with progress() as bar:
        return run_backtest(file, question, bar)


def _of_langfuse(days: int, question: "Options") -> "Report":
    from ratchet_backtest.langfuse.config import MissingConfig
    from ratchet_backtest.langfuse.errors import LangfuseError
    from ratchet_backtest.langfuse.runner import prepare_run
    from ratchet_backtest.runner import progress

    try:
        with progress() as bar:
            return prepare_run(days, question, bar)
    except MissingConfig as error:
        fail(str(error), Exit.USAGE)
    except LangfuseError as error:
        fail(str(error), error.code)
