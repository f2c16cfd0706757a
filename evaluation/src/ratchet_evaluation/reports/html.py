"""The report as one HTML file without scripts or external resources; texts are escaped by the template."""

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ratchet.prompt import unified
from ratchet.sanitize import visible, visible_lines
from ratchet_evaluation.domain.report import EvaluationReport
from ratchet_evaluation.reports import phrases

_MOST_CASES = 200


def render_html(report: EvaluationReport) -> str:
    """Return the page: verdict, checks, table, the change of the prompt, and each failed case with both answers."""
    environment = Environment(
        loader=PackageLoader("ratchet_evaluation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = _shown
    environment.filters["lines"] = _lines
    failed = phrases.failed_cases(report)
    return environment.get_template("evaluation.html").render(
        report=report,
        phrases=phrases,
        failed=failed[:_MOST_CASES],
        more=max(0, len(failed) - _MOST_CASES),
        change=_change(report),
        style=Markup(files("ratchet_evaluation").joinpath("evaluation.css").read_text("utf-8")),  # noqa: S704  # ours
    )


def _change(report: EvaluationReport) -> str:
    """Return the difference between baseline and candidate; empty without a baseline."""
    if report.baseline is None:
        return ""
    return unified(report.baseline, report.candidate)


def _shown(text: object, most: int = 300) -> str:
    plain = visible(str(text))
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def _lines(text: object, most: int = 4000) -> str:
    plain = visible_lines(str(text))
    return plain if len(plain) <= most else plain[: most - 1] + "…"
