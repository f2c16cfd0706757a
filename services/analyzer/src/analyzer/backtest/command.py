"""`ratchet backtest`: its flags. The work is imported when it is asked for, so that `ratchet --help` stays quick."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.backtest.kinds import Kind, Preset
from analyzer.backtest.troubles import BadFile
from ratchet.cli.output import AsJson, Exit, as_json, fail

if TYPE_CHECKING:
    from analyzer.backtest.report import Report
    from analyzer.backtest.running import Question

_COLUMN = "COLUMN"


def backtest(
    file: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="JSON Lines, CSV or Parquet.")
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
        bool | None, typer.Option("--lower-is-better/--higher-is-better", help="Which end of the scale is good.")
    ] = None,
    order: Annotated[str, typer.Option(metavar="V1,V2", help="Only these versions, one after the other.")] = "",
    rules: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="The service's file of rules: floors, rates …")
    ] = None,
    html: Annotated[Path | None, typer.Option(dir_okay=False, help="Write a report with charts here.")] = None,
    json: AsJson = False,
) -> None:
    """What Ratchet would have found in a file of the past, or on a Langfuse server: nothing is sent or changed there.

    Columns that no flag names are guessed by their names, and what was guessed is said.

    Exit codes: 0 done, whatever was found; 2 the file, or what was asked of it, can't be used; of Langfuse besides
    1 what it says can't be used, 3 it can't be reached, 4 the keys may not read there.
    """
    from analyzer.backtest.columns import PRESETS, Given
    from analyzer.backtest.page import page
    from analyzer.backtest.report import plain
    from analyzer.backtest.running import Question
    from analyzer.backtest.scales import limits
    from analyzer.backtest.text import show
    from analyzer.rules import BadRules, read_rules

    if langfuse == (file is not None):
        fail("name a file of the past, or give --langfuse", Exit.USAGE)
    if langfuse and source:
        fail("--as is of files", Exit.USAGE)
    given = Given(time, tuple(value or ()), target, version, model, text, tuple(segment or ()), user)
    if html and not html.parent.is_dir():
        fail(f"--html: there is no directory {html.parent}", Exit.USAGE)
    try:
        question = Question(
            given.over(PRESETS[source]) if source else given,
            kind,
            limits(scale) if scale else None,
            None if lower is None else "lower" if lower else "higher",
            tuple(filter(None, order.split(","))),
            read_rules(rules) if rules else (),
        )
        found = _of_file(file, question) if file else _of_langfuse(days, question)
        if html:
            html.write_text(page(found), "utf-8")
    except (BadFile, BadRules, OSError) as error:
        fail(str(error), Exit.USAGE)
    if json:
        as_json(plain(found))
    else:
        show(found)


def _of_file(file: Path, question: "Question") -> "Report":
    from analyzer.backtest.running import answer, progress

    with progress() as bar:
        return answer(file, question, bar)


def _of_langfuse(days: int, question: "Question") -> "Report":
    from analyzer.backtest.running import progress
    from analyzer.langfuse.access import NoAccess
    from analyzer.langfuse.answering import ask
    from analyzer.langfuse.troubles import Trouble

    try:
        with progress() as bar:
            return ask(days, question, bar)
    except NoAccess as error:
        fail(str(error), Exit.USAGE)
    except Trouble as error:
        fail(str(error), error.code)
