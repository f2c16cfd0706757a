"""Sentences of the report, for the terminal and the HTML page."""

from collections.abc import Iterator

from ratchet_backtest.column_roles import listed
from ratchet_backtest.detectable_drop import Detectable
from ratchet_backtest.replay_engine import PROMPT
from ratchet_backtest.report import FileLocation, FoundRegression, LeftOut, Report, Result, SuggestedFix
from ratchet_backtest.threshold_rule import WINDOW
from shared.events.quality import Cause, Measurement
from shared.metric_format import format_signed

_MOST = 3


def about(found: Report) -> list[str]:
    """Return the sentences about the file and its columns; some may be empty."""
    return [
        rows(found),
        guesses(found),
        describe_unused_columns(found),
        *found.notes,
        *left_out(found.unit, found.left_out),
        summary(found),
    ]


def measured(result: Result, unit: str) -> list[str]:
    """Return the sentences about the values of a metric."""
    first = f"{result.description}; mean {amount(result.measured)}{missing(result, unit)}"
    return [first, *left_out(unit, result.left_out)]


def rows(found: Report) -> str:
    """Return the number and time span of the rows: `2,246 rows from 2026-01-01 to 2026-02-01`."""
    text = f"{found.rows:,} {found.unit if found.unit == 'answer' else 'row'}{'s' * (found.rows != 1)}"
    if found.first and found.last and found.first.time and found.last.time:
        text += f" from {found.first.time[:10]} to {found.last.time[:10]}"
        return text + (", sorted by time" if found.shuffled else "")
    if not found.columns.time:
        text += (
            f", in the order of the file: {found.columns.untimed or 'no time column was found (choose it with --time)'}"
        )
    return text


def guesses(found: Report) -> str:
    """Return the inferred columns; empty if there are none."""
    parts = ((role, "are" if role.endswith("s") else "is", column) for role, column in found.columns.guessed.items())
    text = ", ".join(" ".join(each) for each in parts)
    return f"inferred columns: {text}" if text else ""


def describe_unused_columns(found: Report) -> str:
    """Return the unused columns; empty if there are none."""
    names = found.columns.unused
    return f"not used: {listed(names)} (assign them with flags, see --help)" if names else ""


def left_out(unit: str, found: tuple[LeftOut, ...]) -> list[str]:
    """Return lines such as `3 left out: is not JSON (the first: line 7)`."""
    return [f"{each.n:,} left out: {each.reason} (the first: {unit} {each.first:,})" for each in found]


def where(location: FileLocation, unit: str) -> str:
    """Return a location: `line 7, 2026-03-01 12:00`."""
    return f"{unit} {location.number:,}" + (f", {minute(location)}" if location.time else "")


def missing(result: Result, unit: str) -> str:
    """Return the number of rows without a value; empty if all have one."""
    if not result.missing:
        return ""
    return f", {result.missing:,} answers without" if unit == "answer" else f", {result.missing:,} missing"


def repair(found: SuggestedFix) -> str:
    """Return the sentence before the diff of a fix."""
    if found.kind is None:
        return f"no fix: {found.why}"
    return f"fix for {found.prompt} {found.after}: {found.why}"


def summary(found: Report) -> str:
    """Return a summary over all metrics; empty for a file of one metric."""
    if len(found.results) < 2 and found.unit != "answer":
        return ""
    worse = [title(result) for result in found.results if result.falls]
    if worse:
        others = len(found.results) - len(worse)
        return f"regressed: {listed(worse)}" + (f"; no regression in {others} other metrics" if others else "")
    if all(result.verdict in ("no baseline yet", "no data") for result in found.results):
        return "there is no baseline yet to compare these values with"
    return "no regression was detected"


def minute(location: FileLocation) -> str:
    """Return the time of a location to the minute."""
    return (location.time or "")[:16].replace("T", " ")


def amount(found: Measurement) -> str:
    """Return a mean with interval and n."""
    return f"{figure(found.mean)} [{figure(found.low)}, {figure(found.high)}] n={found.n:,}"


def figure(value: float) -> str:
    """Format a number with three digits, or as a whole number from 1,000."""
    return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.3g}"


def title(result: Result) -> str:
    """Return the column and target of a result."""
    return f"{result.column} of {result.target}" if result.target else result.column


def change(fall: FoundRegression, result: Result) -> str:
    """Return the change of the metric with its interval."""
    event, turned = fall.event, result.direction == "lower_is_better"
    text = f"{format_signed(event.delta_pp, turned)} {result.unit}"
    if event.low_pp is None or event.high_pp is None:
        return text
    return f"{text} {_interval(event.low_pp, event.high_pp, turned)}"


def _interval(low: float, high: float, turned: bool) -> str:
    ends = (high, low) if turned else (low, high)
    return f"[{format_signed(ends[0], turned)}, {format_signed(ends[1], turned)}]"


def began(fall: FoundRegression, unit: str) -> str:
    """Return the start with its interval; a declared switch has none."""
    if fall.earliest == fall.latest:
        return where(fall.since, unit)
    ends = f"{unit}s {fall.earliest.number:,} to {fall.latest.number:,}"
    if not fall.earliest.number <= fall.since.number <= fall.latest.number:  # the file has another order
        ends = f"{minute(fall.earliest)} to {minute(fall.latest)}"
    return f"{where(fall.since, unit)} ({ends})"


def detected(fall: FoundRegression, result: Result, unit: str) -> str:
    """Return where the regression was opened, and the change."""
    verb = "reopened" if fall.event.returned else "opened"
    return f"{verb} at {where(fall.detected_at, unit)}: {change(fall, result)}"


def sides(fall: FoundRegression) -> str:
    """Return both measurements."""
    return f"from {amount(fall.event.baseline)} to {amount(fall.event.current)}"


def span(fall: FoundRegression, unit: str) -> str:
    """Return start and end."""
    return f"started at {began(fall, unit)}; {ended(fall, unit)}"


def ended(fall: FoundRegression, unit: str) -> str:
    """Return where the regression was resolved."""
    return f"resolved at {where(fall.resolved, unit)}" if fall.resolved else "still open at the end"


def reasons(fall: FoundRegression, result: Result) -> Iterator[str]:
    """Yield the causes, and the segments and input terms that got worse."""
    turned = result.direction == "lower_is_better"
    if not fall.event.certain and len(fall.event.causes) > 1:
        yield "these causes cannot be distinguished:"
    for found in fall.event.causes[:_MOST]:
        yield cause(found)
    for each in fall.event.losing[:_MOST]:
        by = f"{format_signed(each.delta_pp, turned)} {_interval(each.low_pp, each.high_pp, turned)}"
        rest = format_signed(each.rest_pp, turned)
        yield f"{each.dimension} {each.level} got worse most: {by}, the rest {rest}, n={each.n:,}"
    for word in fall.words[:_MOST]:
        yield f"inputs with “{word.term}” got worse: {word.share:.0%} of {word.n:,} bad, others {word.without:.0%}"


def cause(found: Cause) -> str:
    """Return a cause with its evidence."""
    if found.kind == "unknown":
        return f"cause unknown: {found.evidence}"
    name = "" if found.name in (None, "", PROMPT, found.kind) else f" {found.name}"
    text = f"likely {found.kind.replace('_', ' ')}{name}"
    if found.before != found.after:
        text += f": {found.before or 'nothing'} → {found.after}"
    elif found.after:
        text += f": {found.after}"
    return f"{text} ({found.evidence})"


def verdict(result: Result) -> str:
    """Return the meaning of the verdict."""
    match result.verdict:
        case "regressed":
            n = len(result.falls)
            return f"{n} regression{'s' * (n > 1)} would have been opened"
        case "holds":
            return f"no regression: shown to be within {result.floor:g} {result.unit}"
        case "inconclusive":
            return f"no regression of {result.floor:g} {result.unit} or more was detected, but one cannot be excluded"
        case "no baseline yet":
            return "there is no earlier version to compare with, and too few values for a baseline"
    return "there are no values"


def threshold(result: Result) -> str:
    """Return the alarms of the threshold rule; empty if it has too few values."""
    found = result.threshold
    drop = "+10 %" if result.unit == "%" else "+5 pp" if result.direction == "lower_is_better" else "−5 pp"
    if result.measured.n < 2 * WINDOW:  # half of them are its baseline
        return ""
    name = f"a threshold on the mean of {WINDOW} ({drop})"
    if not found.alarms:
        return f"{name} would never have alarmed"
    rule = f"{name} would have alarmed"
    if found.alarms == 1:
        return f"{rule} once, {'outside of a regression' if found.unfounded else 'in a regression'}"
    return f"{rule} {found.alarms:,} times, {found.unfounded:,} of them outside of regressions"


def detectable_change(result: Result) -> str:
    """Return the smallest detectable change; empty if it was not simulated."""
    seen: Detectable | None = result.detectable
    if seen is None:
        return ""
    if seen.drop is None and seen.no_headroom:
        worst = "highest" if result.direction == "lower_is_better" else "lowest"
        return (
            f"values are so close to the {worst} end of their scale that the largest possible change is "
            f"{seen.most:.1f} {result.unit}, below the floor of {seen.floor:g} {result.unit}: "
            "set a smaller floor with --rules, or the scale with --scale"
        )
    if seen.drop is None:
        return "too few values: not even the largest possible change would have been detected"
    within = f"would have been detected within {seen.after:,} values"
    runs = f"in {seen.power:.0%} of {seen.runs} simulated runs on these values"
    what = "a rise of" if result.direction == "lower_is_better" else "a drop of"
    return f"{what} {seen.drop:.1f} {result.unit} {within}, {runs}"
