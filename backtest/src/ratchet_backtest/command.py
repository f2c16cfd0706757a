"""`ratchet backtest`. Slow imports are made when the command runs, so that `ratchet --help` is fast."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ratchet.cli.output import Exit, as_json, fail
from ratchet.tables import BadFile
from ratchet_backtest.command_options import ColumnFlags, FormatFlags, RunFlags, SourceFlags
from ratchet_backtest.flag_groups import expand_flag_groups
from ratchet_backtest.option_types import Preset

if TYPE_CHECKING:
    from ratchet_backtest.column_roles import ColumnChoice
    from ratchet_backtest.report import Report
    from ratchet_backtest.runner import BacktestOptions


@expand_flag_groups
def backtest(source: SourceFlags, columns: ColumnFlags, formats: FormatFlags, run: RunFlags) -> None:
    """Show what Ratchet would have detected in a file or a Langfuse project. Nothing is sent or changed.

    Columns and scales are inferred unless flags name them. What is ambiguous is asked on a terminal; elsewhere the
    command fails and names the flag that decides. Exit codes: 0 done, also with regressions; 2 the file or a flag is
    invalid, or no value is usable. With --langfuse also: 1 invalid answer, 3 unreachable, 4 the keys lack permission.
    """
    _check_flags(source, run.html)
    _print(_report(source, columns, formats, run), run.json)


def _check_flags(source: SourceFlags, html: Path | None) -> None:
    """End the command if flags contradict each other, or the HTML file cannot be written."""
    if source.langfuse == (source.file is not None):
        fail("give either a file or --langfuse", Exit.USAGE)
    if source.langfuse and source.preset:
        fail("--as: cannot be combined with --langfuse", Exit.USAGE)
    if html and not html.parent.is_dir():
        fail(f"--html: the directory {html.parent} does not exist", Exit.USAGE)


def _print(report: "Report", json: bool) -> None:
    if json:
        from ratchet_backtest.report import report_to_json

        as_json(report_to_json(report))
    else:
        from ratchet_backtest.text_report import print_report

        print_report(report)


def _report(source: SourceFlags, columns: ColumnFlags, formats: FormatFlags, run: RunFlags) -> "Report":
    """Run with the flags and write the HTML file, if any; an invalid file or flag ends the command."""
    from analyzer.domain.watch_rules import InvalidRules
    from ratchet_backtest.html_report import render_html
    from ratchet_backtest.questions import run_with_questions, terminal_prompter

    replay = partial(_run_on_file, source.file) if source.file else partial(_run_on_langfuse, source.days)
    try:
        options = _options(_column_choice(columns, source.preset), formats, run)
        report = run_with_questions(options, replay, None if run.json else terminal_prompter())
        if run.html:
            run.html.write_text(render_html(report), "utf-8")
    except (BadFile, InvalidRules, OSError) as error:
        fail(str(error), Exit.USAGE)
    return report


def _column_choice(flags: ColumnFlags, preset: Preset | None) -> "ColumnChoice":
    from ratchet_backtest.column_roles import PRESETS, ColumnChoice

    choice = ColumnChoice(
        time=flags.time,
        values=tuple(flags.value or ()),
        target=flags.target,
        version=flags.version,
        model=flags.model,
        input=flags.text,
        segments=tuple(flags.segment or ()),
        user=flags.user,
    )
    return choice.completed_by(PRESETS[preset]) if preset else choice


def _options(choice: "ColumnChoice", formats: FormatFlags, run: RunFlags) -> "BacktestOptions":
    """Return the options of a run. Raises BadFile or InvalidRules."""
    from analyzer.domain.watch_rules import read_rules
    from ratchet.tables import Layout
    from ratchet_backtest.questions import parse_directions, parse_meanings, split_words
    from ratchet_backtest.runner import BacktestOptions
    from ratchet_backtest.scales import parse_limits

    return BacktestOptions(
        choice,
        kind=formats.kind,
        ends=parse_limits(formats.scale) if formats.scale else None,
        better=None if formats.lower is None else "lower" if formats.lower else "higher",
        order=tuple(filter(None, run.order.split(","))),
        rules=read_rules(run.rules) if run.rules else (),
        directions=parse_directions(formats.direction or ()),
        decimal=formats.decimal,
        meanings=parse_meanings(formats.good or (), formats.bad or ()),
        layout=Layout(formats.header, formats.sheet, frozenset(split_words(formats.missing or ()))),
        metric=formats.metric,
        time_format=formats.time_format,
        zone=formats.timezone,
        newest_first=formats.newest_first,
    )


def _run_on_file(file: Path, options: "BacktestOptions") -> "Report":
    from ratchet_backtest.runner import progress, run_backtest

    with progress() as bar:
        return run_backtest(file, options, bar)


def _run_on_langfuse(days: int, options: "BacktestOptions") -> "Report":
    from ratchet_backtest.langfuse.runner import run_langfuse_backtest
    from ratchet_backtest.runner import progress
    from ratchet_langfuse.config import MissingConfig
    from ratchet_langfuse.errors import LangfuseAccessDenied, LangfuseError, Unreachable

    try:
        with progress() as bar:
            return run_langfuse_backtest(days, options, bar)
    except MissingConfig as error:
        fail(str(error), Exit.USAGE)
    except Unreachable as error:
        fail(str(error), Exit.UNREACHABLE)
    except LangfuseAccessDenied as error:
        fail(str(error), Exit.NOT_AUTHORISED)
    except LangfuseError as error:
        fail(str(error), Exit.FAILED)
