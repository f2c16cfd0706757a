"""A regression in sentences: what got worse, why it was opened, and what would resolve it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from analyzer.domain.model import Metric
from analyzer.domain.regressions.evidence import SAFETY
from analyzer.domain.regressions.lifecycle import Regression
from analyzer.domain.regressions.recovery import RareEventRecovery, Recovery
from analyzer.domain.units import change_unit, format_points
from shared.events.quality import Cause, Measurement, RegressionDetected
from shared.metric_format import format_value

_MOST = 3


@dataclass(frozen=True, slots=True)
class Explanation:
    """Sentences for people. They contain names from apps: display them as text only."""

    what: str
    reasons: tuple[str, ...]
    causes: tuple[str, ...]
    counter_evidence: tuple[str, ...]


def explain_regression(regression: Regression, metric: Metric) -> Explanation:
    """Explain the regression in its current state; `metric` is the definition that it was opened with."""
    detected = regression.detected
    what = f"{detected.metric} of {detected.target or 'no target'} in {detected.environment} {_size(detected, metric)}"
    words = (*_causes(detected), *_losing(detected, metric), *_terms(regression))
    return Explanation(what, tuple(_reasons(regression, metric)), words, tuple(_counter_evidence(regression, metric)))


def _size(detected: RegressionDetected, metric: Metric) -> str:
    verb = "got worse again" if detected.returned else "got worse"
    if not detected.baseline.n:
        return f"{verb}: {_amount(detected.current, metric)}"
    return f"{verb}: from {_amount(detected.baseline, metric)} to {_amount(detected.current, metric)}"


def _reasons(regression: Regression, metric: Metric) -> Iterator[str]:
    detected, use = regression.detected, regression.use
    if detected.method == SAFETY:
        yield "A rule opens a regression with one bad value, and one was received."
        return
    if detected.method.startswith("rate"):
        yield "The rate of bad values is compared with the agreed rate."
    elif regression.baseline.identity == use.identity:
        yield f"{_prompt(use.prompt)} {_short(use.identity)} is compared with its own earlier values."
    else:
        previous = _short(regression.baseline.identity)
        yield f"{_prompt(use.prompt)} {_short(use.identity)} is compared with {previous}, the previous version."
    yield (
        f"If the version were equally good, this alarm would occur with a probability of at most "
        f"{100 * detected.alpha:g} %, however long it is monitored (method {detected.method})."
    )
    floor = f"{detected.floor_pp:g} {change_unit(metric)}"
    yield f"Estimated change: {_change(detected, metric)}. Changes smaller than {floor} do not open a regression."
    if detected.change is not None:
        yield _began(detected)
    if detected.raw_pp is not None and detected.mix_pp is not None and abs(detected.mix_pp) >= 0.1:
        yield (
            f"The mean of all values changed by {format_points(detected.raw_pp, metric)} {change_unit(metric)}; "
            f"the change of traffic alone explains {format_points(detected.mix_pp, metric)}."
        )


def _began(detected: RegressionDetected) -> str:
    assert detected.change is not None
    at, low, high = (_time(each) for each in (detected.change.at, detected.change.low, detected.change.high))
    return f"It began at {at}." if low == high else f"It began between {low} and {high}, most likely at {at}."


def _causes(detected: RegressionDetected) -> Iterator[str]:
    if not detected.certain and len(detected.causes) > 1:
        yield "These causes started together and cannot be distinguished:"
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
            f"{each.dimension} {each.level} got worse more than the rest: {format_points(each.delta_pp, metric)} "
            f"{change_unit(metric)} [{low}, {high}] compared with {format_points(each.rest_pp, metric)}, n={each.n:,}"
        )


def _terms(regression: Regression) -> Iterator[str]:
    for term in regression.terms[:_MOST]:
        yield (
            f"inputs with “{term['term']}” got worse: {term['share']:.0%} of {term['n']} are bad, "
            f"{term['without']:.0%} of the others"
        )


def _counter_evidence(regression: Regression, metric: Metric) -> Iterator[str]:
    """Yield what would resolve the regression, with the evidence so far."""
    if regression.resolved is not None and regression.resolved_at is not None:
        current = _amount(regression.resolved.current, metric)
        yield f"Resolved at {_time(regression.resolved_at)}: {current} since then."
        yield f"Most likely cause of the recovery: {_cause(regression.resolved.resolved_by)}."
        yield "If the same version gets worse again soon, this regression is reopened."
        return
    yield from (
        _rare_recovery(regression.recovery)
        if isinstance(regression.recovery, RareEventRecovery)
        else _mean_recovery(regression, metric)
    )
    if not regression.detected.certain and len(regression.detected.causes) > 1:
        yield "To distinguish the causes, revert one of them and keep the others."


def _rare_recovery(recovery: RareEventRecovery) -> Iterator[str]:
    if recovery.agreed is None:
        yield f"It is resolved after {recovery.minimum} values without a bad one; {recovery.n} so far."
        return
    yield (
        f"It is resolved when the rate is shown to be at most twice the agreed {recovery.agreed:g}, with "
        f"at least {recovery.minimum} values; so far {recovery.bad} of {recovery.n} are bad."
    )


def _mean_recovery(regression: Regression, metric: Metric) -> Iterator[str]:
    recovery, window = regression.recovery, regression.window
    assert isinstance(recovery, Recovery)
    better = "above" if metric.direction == "higher_is_better" else "below"
    yield (
        f"It is resolved when at least {recovery.least} values since then show at level {recovery.settings.alpha:g} "
        f"that the mean is {better} {_value(recovery.proven, metric)}, and the mean of the latest 200 or fewer reaches "
        f"{_value(recovery.level, metric)}."
    )
    if not window.blocks:
        yield "No value has been received since then."
        return
    identity, model = json.loads(regression.in_use.label or '["none", null]')
    version = f"{_short(identity)} on {model}" if model else _short(identity)
    latest = f"the mean of the latest {window.sums.n} is {_value(window.sums.mean, metric)}"
    yield f"{version} is in use: {recovery.n} values so far, {latest}."


def _short(identity: str | None) -> str:
    """Return the first digits of a digest; anything else unchanged."""
    text = identity or "nothing"
    return text[:19] if text.startswith("sha256:") else text


def _prompt(prompt: str) -> str:
    return f"Prompt {prompt}," if prompt else "Version"


def _change(detected: RegressionDetected, metric: Metric) -> str:
    by = f"{format_points(detected.delta_pp, metric)} {change_unit(metric)}"
    if detected.low_pp is None or detected.high_pp is None:
        return by
    low, high = _ends(detected.low_pp, detected.high_pp, metric)
    return f"{by}, between {low} and {high} at 95 %"


def _ends(low: float, high: float, metric: Metric) -> tuple[str, str]:
    """An interval's ends as the metric moved, the lower one first."""
    first, last = (high, low) if metric.direction == "lower_is_better" else (low, high)
    return format_points(first, metric), format_points(last, metric)


def _amount(measured: Measurement, metric: Metric) -> str:
    mean, low, high = (format_value(each, metric.unit) for each in (measured.mean, measured.low, measured.high))
    return f"{mean} [{low}, {high}] (n={measured.n:,})"


def _value(scaled: float, metric: Metric) -> str:
    return format_value(metric.from_scale(scaled), metric.unit)


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
