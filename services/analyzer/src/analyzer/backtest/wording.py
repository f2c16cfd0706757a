"""The report's sentences: the same for the terminal and for the page."""

from analyzer.backtest.detectable import Detectable
from analyzer.backtest.report import Fall, LeftOut, Place, Report, Result
from analyzer.backtest.rule import WINDOW
from shared.events.quality import Cause, Measurement


def rows(found: Report) -> str:
    """What was read: `2,246 rows from 2026-01-01 to 2026-02-01`."""
    text = f"{found.rows:,} rows"
    if found.first and found.last and found.first.time:
        text += f" from {found.first.time[:10]} to {found.last.time and found.last.time[:10]}"
        return text + (", put in the order of their times" if found.shuffled else "")
    return text + ", in the order of the file: no column has their times"


def guesses(found: Report) -> str:
    """The columns that were guessed, or nothing."""
    told = ", ".join(
        f"{role} {'are' if role.endswith('s') else 'is'} {column}" for role, column in found.columns.guessed.items()
    )
    return f"guessed: {told}" if told else ""


def left_out(unit: str, found: tuple[LeftOut, ...]) -> list[str]:
    """`3 left out: it is not JSON (the first: line 7)`."""
    return [f"{one.n:,} left out: {one.reason} (the first: {unit} {one.first:,})" for one in found]


def where(place: Place, unit: str) -> str:
    """A place as people find it again."""
    return f"{unit} {place.number:,}" + (f", {place.time[:16].replace('T', ' ')}" if place.time else "")


def amount(found: Measurement) -> str:
    """A mean with its interval and what it rests on."""
    return f"{found.mean:.3g} [{found.low:.3g}, {found.high:.3g}] n={found.n:,}"


def title(result: Result) -> str:
    return f"{result.column} of {result.target}" if result.target else result.column


def change(fall: Fall) -> str:
    """From what to what."""
    return f"{amount(fall.baseline)} → {amount(fall.current)}, {points(fall)}"


def points(fall: Fall) -> str:
    """The change in points of the scale ×100."""
    return f"{fall.delta_pp:+.1f} pp".replace("-", "−")


def ended(fall: Fall, unit: str) -> str:
    return f"resolved at {where(fall.resolved, unit)}" if fall.resolved else "still open at the end"


def cause(found: Cause) -> str:
    """A hypothesis in a few words."""
    if found.kind == "unknown":
        return f"cause unknown: {found.evidence}"
    what = f"{found.kind.replace('_', ' ')}: {found.before} → {found.after}"
    return f"likely {what} ({found.evidence})"


def verdict(result: Result) -> str:
    """What the one word means here."""
    match result.verdict:
        case "regressed":
            n = len(result.falls)
            return f"{n} regression{'s' * (n > 1)} would have been raised"
        case "holds":
            return f"nothing fell: shown to be within {result.floor_pp:g} pp"
        case "inconclusive":
            return f"no fall was found, and it is not shown that none of {result.floor_pp:g} pp was there"
    return "there are no values"


def threshold(result: Result) -> str:
    """What the usual rule would have done."""
    found = result.threshold
    rule = f"a threshold on the mean of {WINDOW} (−5 pp) would have cried"
    if not found.alarms:
        return f"{rule} never"
    if found.alarms == 1:
        return f"{rule} once, {'while nothing fell' if found.unfounded else 'in a regression'}"
    return f"{rule} {found.alarms:,} times, {found.unfounded:,} of them while nothing fell"


def could_see(seen: Detectable | None) -> str:
    """How small a drop would have been found."""
    if seen is None:
        return ""
    within = f"would have been raised within {seen.after:,} values"
    if seen.drop is None:
        return f"too few values: not even a fall to the worst value {within}"
    runs = f"in {seen.power:.0%} of {seen.runs} simulated runs on these values"
    return f"a fall of {100 * seen.drop:.1f} pp {within}, {runs}"
