"""A regression in plain words: what fell, why it was raised, and what would change the mind."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from analyzer.domain.metrics.extraction import change_unit, moved
from analyzer.domain.model import Metric
from analyzer.domain.regressions.evidence import SAFETY
from analyzer.domain.regressions.lifecycle import Regression
from analyzer.domain.regressions.recovery import RareEventRecovery, Recovery
from shared.events.quality import Cause, Measurement, RegressionDetected
from shared.units import format_value

_MOST = 3


@dataclass(frozen=True, slots=True)
class Explanation:
    """Sentences for people. They may hold names that strangers gave: show them as text only."""

    what: str
    raised: tuple[str, ...]
    causes: tuple[str, ...]
    mind: tuple[str, ...]


def explain(regression: Regression, metric: Metric) -> Explanation:
    """The regression as it stands; `metric` is the one that it was raised by."""
    detected = regression.detected
    what = f"{detected.metric} of {detected.target or 'no target'} in {detected.environment} {_how(detected, metric)}"
    words = (*_causes(detected), *_losing(detected, metric), *_terms(regression))
    return Explanation(what, tuple(_raised(regression, metric)), words, tuple(_mind(regression, metric)))


def _how(detected: RegressionDetected, metric: Metric) -> str:
    again = "got worse again" if detected.returned else "got worse"
    if not detected.baseline.n:
        return f"{again}: {_amount(detected.current, metric)}"
    return f"{again}: from {_amount(detected.baseline, metric)} to {_amount(detected.current, metric)}"


def _raised(regression: Regression, metric: Metric) -> Iterator[str]:
    detected, use = regression.detected, regression.use
    if detected.method == SAFETY:
        yield "A rule says that one bad value is enough, and one came."
        return
    if detected.method.startswith("rate"):
        yield "Bad values are counted against the rate that was agreed on."
    elif regression.standard.identity == use.identity:
        yield f"{_prompt(use.prompt)} {_short(use.identity)} is compared with its own earlier values."
    else:
        former = _short(regression.standard.identity)
        yield f"{_prompt(use.prompt)} {_short(use.identity)} is compared with {former}, the one before it."
    yield (
        f"Of versions that are as good, at most {100 * detected.alpha:g} % would ever raise this alarm, however long "
        f"they are watched (method {detected.method})."
    )
    floor = f"{detected.floor_pp:g} {change_unit(metric)}"
    yield f"By how much is an estimate: {_change(detected, metric)}. Less than {floor} is not raised."
    if detected.change is not None:
        yield _began(detected)
    if detected.raw_pp is not None and detected.mix_pp is not None and abs(detected.mix_pp) >= 0.1:
        yield (
            f"All values together moved by {moved(detected.raw_pp, metric)} {change_unit(metric)}; other traffic alone "
            f"would have moved them by {moved(detected.mix_pp, metric)}."
        )


def _began(detected: RegressionDetected) -> str:
    assert detected.change is not None
    at, low, high = (_time(each) for each in (detected.change.at, detected.change.low, detected.change.high))
    return f"It began at {at}." if low == high else f"It began between {low} and {high}, most likely at {at}."


def _causes(detected: RegressionDetected) -> Iterator[str]:
    if not detected.certain and len(detected.causes) > 1:
        yield "Which of these it was can't be told, for they came together:"
    for cause in detected.causes[:_MOST]:
        yield _cause(cause)


def _cause(cause: Cause) -> str:
    if cause.kind in ("unknown", "safety"):
        return f"{cause.kind}: {cause.evidence}"
    name = f" {cause.name}" if cause.name and cause.name != cause.kind else ""
    after = _short(cause.after)
    turn = f", {_short(cause.before)} → {after}" if cause.before != cause.after else f", {after}"
    return f"{cause.kind.replace('_', ' ')}{name}{turn if cause.after else ''}: {cause.evidence}"


def _losing(detected: RegressionDetected, metric: Metric) -> Iterator[str]:
    for each in detected.losing[:_MOST]:
        low, high = _ends(each.low_pp, each.high_pp, metric)
        yield (
            f"{each.dimension} {each.level} got worse by more than the rest: {moved(each.delta_pp, metric)} "
            f"{change_unit(metric)} [{low}, {high}] against {moved(each.rest_pp, metric)}, n={each.n:,}"
        )


def _terms(regression: Regression) -> Iterator[str]:
    for term in regression.terms[:_MOST]:
        yield (
            f"inputs with “{term['term']}” lost: {term['share']:.0%} of {term['n']} are bad, "
            f"{term['without']:.0%} without it"
        )


def _mind(regression: Regression, metric: Metric) -> Iterator[str]:
    """What would end it, and what is known of that by now."""
    if regression.resolved is not None and regression.resolved_at is not None:
        current = _amount(regression.resolved.current, metric)
        yield f"Resolved at {_time(regression.resolved_at)}: {current} since then."
        yield f"Most likely by this: {_cause(regression.resolved.resolved_by)}."
        yield "If the same version falls again soon, this regression is opened again."
        return
    yield from (
        _calm(regression.recovery) if isinstance(regression.recovery, RareEventRecovery) else _back(regression, metric)
    )
    if not regression.detected.certain and len(regression.detected.causes) > 1:
        yield "To tell the causes apart, take one of them back and leave the others."


def _calm(recovery: RareEventRecovery) -> Iterator[str]:
    if recovery.agreed is None:
        yield f"It is resolved after {recovery.minimum} values without a bad one; {recovery.n} so far."
        return
    yield (
        f"It is resolved when the rate is shown to be at most twice the agreed {recovery.agreed:g}, by "
        f"{recovery.minimum} values or more; so far {recovery.bad} of {recovery.n} are bad."
    )


def _back(regression: Regression, metric: Metric) -> Iterator[str]:
    recovery, window = regression.recovery, regression.window
    assert isinstance(recovery, Recovery)
    better = "above" if metric.direction == "higher_is_better" else "below"
    yield (
        f"It is resolved when values since then show at level {recovery.settings.alpha:g}, by {recovery.least} of them "
        f"or more, that the mean is {better} {_value(recovery.proven, metric)}, and the mean of the latest ones "
        f"(200 at most) reaches {_value(recovery.level, metric)}."
    )
    if not window.blocks:
        yield "No value came since."
        return
    identity, model = json.loads(regression.in_use.label or '["none", null]')
    of = f"{_short(identity)} on {model}" if model else _short(identity)
    latest = f"the mean of the latest {window.sums.n} is {_value(window.sums.mean, metric)}"
    yield f"{of} is in use: {recovery.n} values count so far, {latest}."


def _short(identity: str | None) -> str:
    """A digest as its first digits, what is no digest as it is."""
    text = identity or "nothing"
    return text[:19] if text.startswith("sha256:") else text


def _prompt(prompt: str) -> str:
    return f"Prompt {prompt}," if prompt else "Version"


def _change(detected: RegressionDetected, metric: Metric) -> str:
    by = f"{moved(detected.delta_pp, metric)} {change_unit(metric)}"
    if detected.low_pp is None or detected.high_pp is None:
        return by
    low, high = _ends(detected.low_pp, detected.high_pp, metric)
    return f"{by}, between {low} and {high} at 95 %"


def _ends(low: float, high: float, metric: Metric) -> tuple[str, str]:
    """An interval's ends as the metric moved, the lower one first."""
    first, last = (high, low) if metric.direction == "lower_is_better" else (low, high)
    return moved(first, metric), moved(last, metric)


def _amount(measured: Measurement, metric: Metric) -> str:
    mean, low, high = (format_value(each, metric.unit) for each in (measured.mean, measured.low, measured.high))
    return f"{mean} [{low}, {high}] (n={measured.n:,})"


def _value(scaled: float, metric: Metric) -> str:
    return format_value(metric.from_scale(scaled), metric.unit)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
