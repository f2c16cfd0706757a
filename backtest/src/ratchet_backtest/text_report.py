"""The report on a terminal. Texts of the file were written by strangers: none reaches the terminal raw."""

from rich.console import Console
from rich.text import Text

from ratchet.cli.output import console
from ratchet.sanitize import visible
from ratchet_backtest import phrases as wording
from ratchet_backtest.report import Repair, Report, Result

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
    """Prints it on stdout."""
    out = console()
    _line(out, f"{found.file}: {wording.rows(found)}")
    left_out = (*found.notes, *wording.left_out(found.unit, found.left_out))
    for line in (wording.guesses(found), wording.unused(found), *left_out, wording.summary(found)):
        if line:
            _line(out, line)
    for result in found.results[:_MOST_RESULTS]:
        out.print()
        _result(out, result, found.unit)
    if len(found.results) > _MOST_RESULTS:
        out.print()
        _line(out, f"and {len(found.results) - _MOST_RESULTS} more: --json or --html has all of them")


def _result(out: Console, result: Result, unit: str) -> None:
    head = Text(visible(f"{wording.title(result)}: "), style="bold")
    head.append(result.verdict, style=_STYLES[result.verdict])
    head.append(f", {wording.verdict(result)}", style="not bold")
    out.print(head)
    if not result.measured.n:
        return
    _line(out, f"  {result.told}; mean {wording.amount(result.measured)}{wording.missing(result, unit)}")
    for line in wording.left_out(unit, result.left_out):
        _line(out, f"  {line}")
    for fall in result.falls:
        _line(out, f"  ▼ {wording.raised(fall, result, unit)}")
        _line(out, f"    {wording.sides(fall)}")
        _line(out, f"    {wording.span(fall, unit)}")
        for reason in wording.reasons(fall, result):
            _line(out, f"    {reason}")
        if fall.repair:
            _repair(out, fall.repair)
    for line in (wording.threshold(result), wording.could_see(result)):
        if line:
            _line(out, f"  {line}")


def _repair(out: Console, found: Repair) -> None:
    _line(out, f"    {wording.repair(found)}")
    for line in found.diff.split("\n") if found.diff else ():  # made visible when it was made
        out.print(Text(f"      {line}", style=_SIDES.get(line[:1], "")))


def _line(out: Console, line: str) -> None:
    out.print(Text(visible(line)))
