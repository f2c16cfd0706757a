"""The report as Markdown for a comment on a pull request.

Texts of cases and models are in code spans without backticks, so they mention nobody, link nowhere and are no HTML.
"""

from ratchet.sanitize import visible
from ratchet_evaluation.domain.outcomes import CaseOutcome
from ratchet_evaluation.domain.report import EvaluationReport
from ratchet_evaluation.reports import phrases

_MARKS = {"pass": "✅", "fail": "❌", "inconclusive": "❔"}
_MOST_CASES, _MOST_ROWS = 20, 40


def render_markdown(report: EvaluationReport) -> str:
    """Return the report; at most about 20 KB."""
    result = report.result
    lines = [f"### {_MARKS[result.verdict]} Prompt evaluation: {result.verdict}", ""]
    lines += [f"- {_MARKS[check.verdict]} **{check.name}**: {code(check.reason, 600)}" for check in result.checks]
    lines += ["", "| | candidate | baseline | difference [95 %] | unknown |", "|---|---|---|---|---|"]
    rows = phrases.summary_rows(report)
    for row in rows[:_MOST_ROWS]:
        cells = (code(row.name), row.candidate, row.baseline, row.difference, str(row.unknown))
        lines.append(f"| {' | '.join(cells)} |")
    failed = phrases.failed_cases(report)
    if failed:
        lines += ["", f"<details><summary>{len(failed)} cases fail</summary>", ""]
        lines += [_case(outcome) for outcome in failed[:_MOST_CASES]]
        lines += [f"- and {len(failed) - _MOST_CASES} more"] if len(failed) > _MOST_CASES else []
        lines += ["", "</details>"]
    lines += ["", *(code(line, 300) + "  " for line in phrases.about(report))]
    lines += [f"{code(phrases.heading(report), 300)}  ", f"report {code(report.digest())}"]
    return "\n".join(lines) + "\n"


def code(text: str, most: int = 100) -> str:
    """Return a text as a code span of one line, cut at `most` characters."""
    plain = visible(" ".join(text.split())).replace("`", "'").replace("|", "¦")
    return f"`{plain[: most - 1] + '…' if len(plain) > most else plain or ' '}`"


def _case(outcome: CaseOutcome) -> str:
    mark = "new: " if phrases.is_new_failure(outcome) else ""
    protected = ", protected" if outcome.case.protected else ""
    output = next(
        (a.answer.text for a in outcome.answers["candidate"] if a.passed is False and not a.answer.failure), ""
    )
    answered = f" answered {code(output)}" if output else ""
    reasons = "; ".join(phrases.failure_reasons(outcome))
    return f"- {mark}{code(outcome.case.id)}{protected}: {code(reasons, 200)}{answered}"
