"""The report on a terminal; invisible and control characters of texts are spelled out."""

from rich.text import Text

from ratchet.cli.output import console, table
from ratchet.sanitize import visible
from ratchet_evaluation.domain.report import EvaluationReport
from ratchet_evaluation.reports import phrases

_STYLES = {"pass": "bold green", "fail": "bold red", "inconclusive": "bold yellow"}
_MOST_CASES = 20


def print_report(report: EvaluationReport) -> None:
    """Print the verdict, the checks, the table and the failed cases on stdout."""
    out = console()
    out.print(Text(visible(phrases.heading(report)), style=_STYLES[report.result.verdict]))
    for check in report.result.checks:
        out.print(
            Text.assemble("  ", (check.verdict, _STYLES[check.verdict]), visible(f"  {check.name}: {check.reason}"))
        )
    for line in phrases.about(report):
        out.print(Text(visible(f"  {line}")))
    out.print()
    columns = ("", "candidate", "baseline", "difference [95 %]", "n", "unknown")
    rows = phrases.summary_rows(report)
    table(columns, [(r.name, r.candidate, r.baseline, r.difference, r.n, r.unknown) for r in rows])
    failed = phrases.failed_cases(report)
    if failed:
        out.print()
    for outcome in failed[:_MOST_CASES]:
        new = "new failure" if phrases.is_new_failure(outcome) else "failure"
        reasons = "; ".join(phrases.failure_reasons(outcome))
        out.print(Text(visible(f"  {new}: {outcome.case.id}: {reasons}")))
    if len(failed) > _MOST_CASES:
        out.print(Text(f"  and {len(failed) - _MOST_CASES} more: see --html or --report"))
    out.print(Text(f"\n  report {report.digest()}"))
