"""The report as one HTML file without scripts or external resources; texts of users are escaped by the template."""

from collections import Counter
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ratchet.sanitize import visible
from ratchet_backtest import phrases
from ratchet_backtest.report import Report
from ratchet_backtest.svg_chart import chart

_MAX_CHARTS = 50


def render_html(report: Report) -> str:
    """Return the page."""
    style = files("ratchet_backtest").joinpath("page.css").read_text("utf-8")
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            phrases=phrases,
            chart=lambda *args: Markup(chart(*args)),  # noqa: S704  # the chart escapes its texts
            counts=Counter(result.verdict for result in report.results),
            style=Markup(style),  # noqa: S704  # a file of the package
            most_charts=_MAX_CHARTS,
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ratchet_backtest"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = shown
    return environment


def shown(text: object, most: int = 120) -> str:
    """Return a text with invisible characters spelled out, cut at `most` characters."""
    plain = visible(str(text))
    return plain if len(plain) <= most else plain[: most - 1] + "…"
