"""The report on a terminal. Texts of the file were written by strangers: none reaches the terminal raw."""

from rich.console import Console
from rich.text import Text

from analyzer.backtest import wording
from analyzer.backtest.report import Report, Result
from ratchet.cli.output import console
from ratchet.visible import visible

_STYLES = {"regressed": "bold red", "holds": "bold green", "inconclusive": "bold yellow", "no data": "bold"}
_MOST_RESULTS = 20


def show(found: Report) -> None:
    """Prints it on stdout."""
    out = console()
    _line(out, f"{found.file}: {wording.rows(found)}")
    for line in (wording.guesses(found), wording.unused(found), *wording.left_out(found.unit, found.left_out)):
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
    missing = f", {result.missing:,} missing" if result.missing else ""
    _line(out, f"  {result.told}; mean {wording.amount(result.measured)}{missing}")
    for line in wording.left_out(unit, result.left_out):
        _line(out, f"  {line}")
    for fall in result.falls:
        _line(out, f"  ▼ {wording.raised(fall, result, unit)}")
        _line(out, f"    {wording.sides(fall)}")
        _line(out, f"    {wording.span(fall, unit)}")
        for reason in wording.reasons(fall):
            _line(out, f"    {reason}")
    for line in (wording.threshold(result), wording.could_see(result)):
        if line:
            _line(out, f"  {line}")


def _line(out: Console, line: str) -> None:
    out.print(Text(visible(line)))
