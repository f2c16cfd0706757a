"""The report as one HTML file: no script, nothing fetched, and every text of a stranger escaped."""

from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files

from ratchet_backtest import phrases as wording
from ratchet_backtest.report import Fall, Repair, Report, Result
from ratchet_backtest.svg_chart import chart, safe

_MOST_RESULTS = 50
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_LEGEND = (
    ("mean", "mean of successive values"),
    ("band", "its 95 % interval"),
    ("raised", "Ratchet raises a regression"),
    ("fall", "values that prove it, until it is resolved"),
    ("cry", "a threshold on the mean of 100 cries"),
)


def render_html(found: Report) -> str:
    """The whole page."""
    style = files("ratchet_backtest").joinpath("page.css").read_text("utf-8")
    results = "\n".join(_result(result, found, place) for place, result in enumerate(found.results[:_MOST_RESULTS]))
    columns = (wording.guesses(found), wording.unused(found))
    left_out = wording.left_out(found.unit, found.left_out)
    about = [wording.rows(found), *columns, *found.notes, *left_out, wording.summary(found)]
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Ratchet backtest of {safe(found.file)}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>What Ratchet would have found in <code>{safe(found.file)}</code></h1>
{_lines(about)}
<p>{_counted(found)}</p>
{results}
{_rest(found.results[_MOST_RESULTS:])}
<footer>
<p class="legend" aria-hidden="true">{_legend()}</p>
<p>{safe(_NOTE, 1000)}</p>
</footer>
</main>
</body>
</html>
"""


_NOTE = (
    "Every finding comes from the code that the service runs, fed with these rows in their order. Intervals hold at "
    "all times at once, as far as a mean of so many values is normal. Causes are hypotheses."
)


def _rest(results: Sequence[Result]) -> str:
    """Those without a chart, a line each."""
    items = "".join(
        f"<li>{safe(wording.title(result))} {_pill(result.verdict)} {safe(wording.amount(result.measured))}</li>"
        for result in results
    )
    return f"<ul>{items}</ul>" if items else ""


def _counted(found: Report) -> str:
    verdicts = [result.verdict for result in found.results]
    told = {verdict: verdicts.count(verdict) for verdict in verdicts}
    return " ".join(f"{_pill(verdict)} {n}" for verdict, n in told.items()) if len(verdicts) > 1 else ""


def _result(result: Result, found: Report, place: int) -> str:
    before = [f"{result.told}; mean {wording.amount(result.measured)}{wording.missing(result, found.unit)}"]
    before += wording.left_out(found.unit, result.left_out)
    after = [wording.threshold(result), wording.could_see(result)]
    return f"""<section aria-labelledby="r{place}">
<h2 id="r{place}">{safe(wording.title(result))} {_pill(result.verdict)}</h2>
<p class="verdict">{safe(wording.verdict(result))}</p>
{_lines(before)}
<figure>{chart(result, found.rows, found.unit, f"c{place}")}</figure>
{_falls(result, found.unit)}
{_lines(after)}
</section>"""


def _falls(result: Result, unit: str) -> str:
    items = "".join(_fall(fall, result, unit) for fall in result.falls)
    return f'<ol class="falls">{items}</ol>' if items else ""


def _fall(fall: Fall, result: Result, unit: str) -> str:
    reasons = "".join(f"<li>{safe(reason, 400)}</li>" for reason in wording.reasons(fall, result))
    told = _lines((wording.sides(fall), wording.span(fall, unit)))
    raised = safe(wording.raised(fall, result, unit), 300)
    return f'<li><p class="raise">{raised}</p>{told}<ul>{reasons}</ul>{_repair(fall.repair)}</li>'


def _repair(found: Repair | None) -> str:
    if found is None:
        return ""
    diff = f"<pre>{escape(found.diff)}</pre>" if found.diff else ""  # made visible when it was made
    return _lines((wording.repair(found),)) + diff


def _pill(verdict: str) -> str:
    return f'<span class="pill {verdict.replace(" ", "-")}">{verdict}</span>'


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(f"<p>{safe(text, 1000)}</p>" for text in texts if text)


def _legend() -> str:
    return " ".join(f'<span><i class="{name}"></i>{told}</span>' for name, told in _LEGEND)
