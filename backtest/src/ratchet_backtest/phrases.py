"""The report's sentences: the same for the terminal and for the page."""

from collections.abc import Iterator

from ratchet_backtest.columns import listed
from ratchet_backtest.detectable_drop import Detectable
from ratchet_backtest.replay_engine import PROMPT
from ratchet_backtest.report import Fall, FileLocation, LeftOut, Repair, Report, Result
from ratchet_backtest.threshold_rule import WINDOW
from shared.events.quality import Cause, Measurement
from shared.units import signed

_MOST = 3


def rows(found: Report) -> str:
    """What was read: `2,246 rows from 2026-01-01 to 2026-02-01`."""
    text = f"{found.rows:,} {found.unit if found.unit == 'answer' else 'row'}{'s' * (found.rows != 1)}"
    if found.first and found.last and found.first.time and found.last.time:
        text += f" from {found.first.time[:10]} to {found.last.time[:10]}"
        return text + (", put in the order of their times" if found.shuffled else "")
    if not found.columns.time:
        text += (
            f", in the order of the file: {found.columns.untimed or 'no column of times was found (--time names it)'}"
        )
    return text


def guesses(found: Report) -> str:
    """The columns that were guessed, or nothing."""
    told = ((role, "are" if role.endswith("s") else "is", column) for role, column in found.columns.guessed.items())
    text = ", ".join(" ".join(each) for each in told)
    return f"guessed: {text}" if text else ""


def unused(found: Report) -> str:
    """The columns that count for nothing, or nothing."""
    names = found.columns.unused
    return f"not used: {listed(names)} (flags name what they are: --help)" if names else ""


def left_out(unit: str, found: tuple[LeftOut, ...]) -> list[str]:
    """`3 left out: is not JSON (the first: line 7)`."""
    return [f"{one.n:,} left out: {one.reason} (the first: {unit} {one.first:,})" for one in found]


def where(place: FileLocation, unit: str) -> str:
    """A place as people find it again."""
    return f"{unit} {place.number:,}" + (f", {minute(place)}" if place.time else "")


def missing(result: Result, unit: str) -> str:
    """How many rows have no such value; empty if all have one."""
    if not result.missing:
        return ""
    return f", {result.missing:,} answers without" if unit == "answer" else f", {result.missing:,} missing"


def repair(found: Repair) -> str:
    """What would put it back, before the diff is shown."""
    if found.kind is None:
        return f"what would put it back can't be told: {found.why}"
    return f"what would put it back, in {found.prompt} {found.after}: {found.why}"


def summary(found: Report) -> str:
    """In a word: what fell, or that nothing did; empty for a file of one metric, which says it itself."""
    if len(found.results) < 2 and found.unit != "answer":
        return ""
    fallen = [title(result) for result in found.results if result.falls]
    if fallen:
        others = len(found.results) - len(fallen)
        return f"fell: {listed(fallen)}" + (f"; nothing was raised for {others} more" if others else "")
    if all(result.verdict in ("no baseline yet", "no data") for result in found.results):
        return "there is nothing to compare these values with yet"
    return "nothing fell, as far as these values can show"


def minute(place: FileLocation) -> str:
    """The time of a place that has one."""
    return (place.time or "")[:16].replace("T", " ")


def amount(found: Measurement) -> str:
    """A mean with its interval and what it rests on."""
    return f"{figure(found.mean)} [{figure(found.low)}, {figure(found.high)}] n={found.n:,}"


def figure(value: float) -> str:
    """Three digits, or whole thousands."""
    return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.3g}"


def title(result: Result) -> str:
    return f"{result.column} of {result.target}" if result.target else result.column


def change(fall: Fall, result: Result) -> str:
    """By how much, as the metric moved, with its interval."""
    event, turned = fall.event, result.direction == "lower_is_better"
    text = f"{signed(event.delta_pp, turned)} {result.unit}"
    if event.low_pp is None or event.high_pp is None:
        return text
    return f"{text} {_interval(event.low_pp, event.high_pp, turned)}"


def _interval(low: float, high: float, turned: bool) -> str:
    ends = (high, low) if turned else (low, high)
    return f"[{signed(ends[0], turned)}, {signed(ends[1], turned)}]"


def began(fall: Fall, unit: str) -> str:
    """Since when, with its interval; a declared switch has none."""
    if fall.earliest == fall.latest:
        return where(fall.since, unit)
    ends = f"{unit}s {fall.earliest.number:,} to {fall.latest.number:,}"
    if not fall.earliest.number <= fall.since.number <= fall.latest.number:  # the file has another order
        ends = f"{minute(fall.earliest)} to {minute(fall.latest)}"
    return f"{where(fall.since, unit)} ({ends})"


def raised(fall: Fall, result: Result, unit: str) -> str:
    """When it was raised, and by how much it fell."""
    again = " again" if fall.event.returned else ""
    return f"raised{again} at {where(fall.raised, unit)}: {change(fall, result)}"


def sides(fall: Fall) -> str:
    """What it was, and what it is."""
    return f"from {amount(fall.event.baseline)} to {amount(fall.event.current)}"


def span(fall: Fall, unit: str) -> str:
    """From when to when."""
    return f"began at {began(fall, unit)}; {ended(fall, unit)}"


def ended(fall: Fall, unit: str) -> str:
    return f"resolved at {where(fall.resolved, unit)}" if fall.resolved else "still open at the end"


def reasons(fall: Fall, result: Result) -> Iterator[str]:
    """Causes, and who and what lost."""
    turned = result.direction == "lower_is_better"
    if not fall.event.certain and len(fall.event.causes) > 1:
        yield "cannot tell which of these it was:"
    for found in fall.event.causes[:_MOST]:
        yield cause(found)
    for each in fall.event.losing[:_MOST]:
        by = f"{signed(each.delta_pp, turned)} {_interval(each.low_pp, each.high_pp, turned)}"
        rest = signed(each.rest_pp, turned)
        yield f"{each.dimension} {each.level} lost most: {by}, the rest {rest}, n={each.n:,}"
    for word in fall.words[:_MOST]:
        yield f"inputs with “{word.term}” lost: {word.share:.0%} of {word.n:,} bad, {word.without:.0%} without it"


def cause(found: Cause) -> str:
    """A hypothesis in a few words."""
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
    """What the one word means here."""
    match result.verdict:
        case "regressed":
            n = len(result.falls)
            return f"{n} regression{'s' * (n > 1)} would have been raised"
        case "holds":
            return f"nothing fell: shown to be within {result.floor:g} {result.unit}"
        case "inconclusive":
            return (
                f"no fall of {result.floor:g} {result.unit} or more was found, and it is not shown that there was none"
            )
        case "no baseline yet":
            return "there is no earlier version to compare with, and too few values for a baseline of their own"
    return "there are no values"


def threshold(result: Result) -> str:
    """What the usual rule would have done; empty where it would never have looked."""
    found = result.threshold
    drop = "+10 %" if result.unit == "%" else "+5 pp" if result.direction == "lower_is_better" else "−5 pp"
    if result.measured.n < 2 * WINDOW:  # half of them are its baseline
        return ""
    rule = f"a threshold on the mean of {WINDOW} ({drop}) would have cried"
    if not found.alarms:
        return f"{rule} never"
    if found.alarms == 1:
        return f"{rule} once, {'where no fall was found' if found.unfounded else 'in a regression'}"
    return f"{rule} {found.alarms:,} times, {found.unfounded:,} of them where no fall was found"


def could_see(result: Result) -> str:
    """How small a drop would have been found; empty where that was not asked."""
    seen: Detectable | None = result.detectable
    if seen is None:
        return ""
    if seen.drop is None and seen.no_room:
        worst = "highest" if result.direction == "lower_is_better" else "lowest"
        return (
            f"values lie so near to the {worst} end of their scale that the worst change is {seen.most:.1f} "
            f"{result.unit}, and less than {seen.floor:g} {result.unit} is not raised: set a smaller floor by --rules, "
            "or the scale by --scale"
        )
    if seen.drop is None:
        return "too few values: not even the worst change would have been raised"
    within = f"would have been raised within {seen.after:,} values"
    runs = f"in {seen.power:.0%} of {seen.runs} simulated runs on these values"
    what = "a rise of" if result.direction == "lower_is_better" else "a fall of"
    return f"{what} {seen.drop:.1f} {result.unit} {within}, {runs}"
