"""The report on a terminal; invisible and control characters of texts are spelled out."""

from rich.console import Console
from rich.text import Text

from ratchet.cli.output import console
from ratchet.sanitize import visible
from ratchet_backtest import phrases as phrases
from ratchet_backtest.report import Report, Result, SuggestedFix

_STYLES = {
    "regressed": "bold red",
    "holds": "bold green",
    "inconclusive": "bold yellow",
    "no baseline yet": "bold",
    "no data": "bold",
}
_SIDES = {"+": "green", "-": "red"}
_MOST_RESULTS = 20


def print_report(found: Report) -> None:
    """Print the report on stdout."""
    out = console()
    first, *others = phrases.about(found)
    _line(out, f"{found.file}: {first}")
    for line in others:
        if line:
            _line(out, line)
    for result in found.results[:_MOST_RESULTS]:
        out.print()
        _result(out, result, found.unit)
    if len(found.results) > _MOST_RESULTS:
        out.print()
        _line(out, f"and {len(found.results) - _MOST_RESULTS} more: see --json or --html")


def _result(out: Console, result: Result, unit: str) -> None:
    head = Text(visible(f"{phrases.title(result)}: "), style="bold")
    head.append(result.verdict, style=_STYLES[result.verdict])
    head.append(f", {phrases.verdict(result)}", style="not bold")
    out.print(head)
    if not result.measured.n:
        return
    for line in phrases.measured(result, unit):
        _line(out, f"  {line}")
    for fall in result.falls:
        _line(out, f"  ▼ {phrases.detected(fall, result, unit)}")
        _line(out, f"    {phrases.sides(fall)}")
        _line(out, f"    {phrases.span(fall, unit)}")
        for reason in phrases.reasons(fall, result):
            _line(out, f"    {reason}")
        if fall.repair:
            _repair(out, fall.repair)
    for line in (phrases.threshold(result), phrases.detectable_change(result)):
        if line:
            _line(out, f"  {line}")


def _repair(out: Console, found: SuggestedFix) -> None:
    _line(out, f"    {phrases.repair(found)}")
    for line in found.diff.split("\n") if found.diff else ():  # already made visible
        out.print(Text(f"      {line}", style=_SIDES.get(line[:1], "")))


def _line(out: Console, line: str) -> None:
    out.print(Text(visible(line)))
