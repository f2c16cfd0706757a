"""`ratchet backtest`. Slow imports are made when the command runs, so that `ratchet --help` is fast."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ratchet.cli.output import AsJson, Exit, as_json, fail
from ratchet.tables import BadFile
from ratchet_backtest import command_options as flags

if TYPE_CHECKING:
    from ratchet_backtest.column_roles import ColumnChoice
    from ratchet_backtest.report import Report
    from ratchet_backtest.runner import BacktestOptions


def backtest(
    file: flags.File = None,
    langfuse: flags.FromLangfuse = False,
    days: flags.Days = 30,
    source: flags.SourceFormat = None,
    value: flags.Values = None,
    time: flags.Time = None,
    version: flags.Version = None,
    model: flags.Model = None,
    target: flags.TargetColumn = None,
    segment: flags.Segments = None,
    user: flags.User = None,
    text: flags.Input = None,
    kind: flags.Kind = None,
    scale: flags.Limits = None,
    lower: flags.LowerIsBetter = None,
    direction: flags.Directions = None,
    good: flags.Good = None,
    bad: flags.Bad = None,
    missing: flags.MissingWords = None,
    decimal: flags.Decimal = None,
    metric: flags.MetricColumn = None,
    time_format: flags.TimeFormatName = None,
    timezone: flags.Timezone = None,
    newest_first: flags.NewestFirst = None,
    header: flags.Header = None,
    sheet: flags.Sheet = None,
    order: flags.VersionOrder = "",
    rules: flags.RulesFile = None,
    html: flags.HtmlFile = None,
    json: AsJson = False,
) -> None:
    """Show what Ratchet would have detected in a file or a Langfuse project. Nothing is sent or changed.

    Columns and scales are inferred unless flags name them. What is ambiguous is asked on a terminal; elsewhere the
    command fails and names the flag that decides. Exit codes: 0 done, also with regressions; 2 the file or a flag is
    invalid, or no value is usable. With --langfuse also: 1 invalid answer, 3 unreachable, 4 the keys lack permission.
    """
    _check_flags(file, langfuse, source, html)
    columns = (time, tuple(value or ()), target, version, model, text, tuple(segment or ()), user)
    formats = {"kind": kind, "decimal": decimal, "metric": metric, "time_format": time_format, "zone": timezone}
    parsed: dict[str, Any] = {"scale": scale, "lower": lower, "direction": direction, "good": good, "bad": bad}
    parsed |= {"missing": missing, "header": header, "sheet": sheet, "order": order, "rules": rules, "source": source}
    run = partial(_run_on_file, file) if file else partial(_run_on_langfuse, days)
    _print(_report(columns, formats | {"newest_first": newest_first}, parsed, run, not json, html), json)


def _check_flags(file: Path | None, langfuse: bool, source: str | None, html: Path | None) -> None:
    """End the command if flags contradict each other, or the HTML file cannot be written."""
    if langfuse == (file is not None):
        fail("give either a file or --langfuse", Exit.USAGE)
    if langfuse and source:
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


def _report(
    columns: tuple[Any, ...],
    settings: dict[str, Any],
    parsed: dict[str, Any],
    run: "partial[Report]",
    ask: bool,
    html: Path | None,
) -> "Report":
    """Run with the options and write the HTML file, if any; an invalid file or flag ends the command.

    `columns` are the fields of ColumnChoice, in their order.
    """
    from analyzer.domain.watch_rules import InvalidRules
    from ratchet_backtest.column_roles import ColumnChoice
    from ratchet_backtest.html_report import render_html
    from ratchet_backtest.questions import run_with_questions, terminal_prompter

    try:
        options = _options(ColumnChoice(*columns), settings, **parsed)
        report = run_with_questions(options, run, terminal_prompter() if ask else None)
        if html:
            html.write_text(render_html(report), "utf-8")
    except (BadFile, InvalidRules, OSError) as error:
        fail(str(error), Exit.USAGE)
    return report


def _options(choice: "ColumnChoice", settings: dict[str, Any], **flag: Any) -> "BacktestOptions":
    """Return the options of a run. Raises BadFile or InvalidRules."""
    from analyzer.domain.watch_rules import read_rules
    from ratchet.tables import Layout
    from ratchet_backtest.column_roles import PRESETS
    from ratchet_backtest.questions import parse_directions, parse_meanings, split_words
    from ratchet_backtest.runner import BacktestOptions
    from ratchet_backtest.scales import parse_limits

    return BacktestOptions(
        choice.completed_by(PRESETS[flag["source"]]) if flag["source"] else choice,
        ends=parse_limits(flag["scale"]) if flag["scale"] else None,
        better=None if flag["lower"] is None else "lower" if flag["lower"] else "higher",
        order=tuple(filter(None, flag["order"].split(","))),
        rules=read_rules(flag["rules"]) if flag["rules"] else (),
        directions=parse_directions(flag["direction"] or ()),
        meanings=parse_meanings(flag["good"] or (), flag["bad"] or ()),
        layout=Layout(flag["header"], flag["sheet"], frozenset(split_words(flag["missing"] or ()))),
        **settings,
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
