"""What is measured: from feedback kinds and execution fields to metrics.

| from | metric | in its own unit | scale (more is better) | direction | floor |
|---|---|---|---|---|---|
| thumb 0, 1 | `thumb` | share of thumbs up | as it is | higher | 5 pp |
| rating 1 to 5 | `rating` | stars | (r − 1) / 4 | higher | 5 pp |
| label | `label`, or `label.<name>` | share of good words | 1 good, 0 bad | higher | 5 pp |
| score 0 to 1, of feedback or execution | `score.<name>`, or `score` | score | as it is | higher | 5 pp |
| execution's outcome | `error_rate` | share of errors and time-outs | 1 − error | lower | 5 pp |
| execution's latency | `latency_ms` | milliseconds, geometric mean | −log | lower | 10 % |
| execution's cost | `cost_usd` | US dollars, geometric mean | −log | lower | 10 % |

Latency and cost have heavy tails, so they are summed and compared on the log scale: what is shown is the geometric
mean, and 10 % more of it is the floor. Implicit feedback is measured apart (`implicit.thumb`).
Comments and corrections are text: they measure nothing.

What is not measured, and counted by reason instead: feedback without its execution (`unjoined`), without
consent to quality (`no_consent`), labels of unknown meaning (`unknown_label`), and values outside their range
(`out_of_range`): a score is taken to be between 0 and 1, and one that is not is left out, never clipped.

Of a user's opinions on an execution the latest counts, if it may. What it replaces is taken back whether or not the
latest is measured: a user who withdraws consent leaves n and the mean, and comes back with the next opinion. What
never counted comes without its value in `replaces`, and is not taken back.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from analyzer.model import Dimension, Metric, Reading, Use
from shared.events.feedback import (
    Consent,
    ExecutionFacts,
    ExecutionRecorded,
    FeedbackCreated,
    FeedbackKind,
    Outcome,
    PromptUse,
)
from shared.units import signed, unit_of

Uncounted = Literal["unjoined", "no_consent", "unknown_label", "out_of_range"]
"""Why a value counts nowhere."""

GOOD = frozenset({"correct", "helpful", "positive", "good", "accepted", "pass", "factual", "faithful", "relevant"})
BAD = frozenset(
    {"incorrect", "unhelpful", "not helpful", "negative", "bad", "wrong", "rejected", "fail", "hallucinated"}
    | {"hallucination", "unfaithful", "irrelevant", "harmful"}
)
_FAILED: frozenset[Outcome] = frozenset({"error", "timeout"})
_MOST_MS = 1e9
_MOST_USD = 1e6
_LEAST = 1e-6
"""Less milliseconds or dollars than that count as so many: zero has no logarithm."""
_NO_PROMPT = (Use("", "none"),)


def _same(value: float) -> float:
    return value


def _complement(value: float) -> float:
    return 1.0 - value


def _rarity(value: float) -> float:
    return -math.log(value if value > _LEAST else _LEAST)


def _amount(scaled: float) -> float:
    return math.exp(-scaled)


def _share(name: str) -> Metric:
    kind = name.removeprefix("implicit.").partition(".")[0]
    binary = kind in ("thumb", "label")
    return Metric(name, "higher_is_better", unit_of(name), "binary" if binary else "bounded", _same, _same)


ERROR_RATE = Metric("error_rate", "lower_is_better", "share", "binary", _complement, _complement)
LATENCY = Metric("latency_ms", "lower_is_better", "ms", "real", _rarity, _amount, math.log(1.1))
COST = Metric("cost_usd", "lower_is_better", "USD", "real", _rarity, _amount, math.log(1.1))
_FIXED = {metric.name: metric for metric in (ERROR_RATE, LATENCY, COST)}


@lru_cache(maxsize=4096)
def metric_named(name: str) -> Metric:
    """The metric of that name; any name has one."""
    if name in _FIXED:
        return _FIXED[name]
    if name.removeprefix("implicit.") == "rating":
        return Metric(name, "higher_is_better", "stars", "bounded", lambda r: (r - 1.0) / 4.0, lambda s: 1.0 + 4.0 * s)
    return _share(name)


def metric_of(kind: FeedbackKind, name: str | None, implicit: bool = False) -> Metric | None:
    """The metric that a feedback kind is measured by; None for text."""
    if kind in ("comment", "correction"):
        return None
    named = f"{kind}.{name}" if name and kind in ("label", "score") else kind
    return metric_named(f"implicit.{named}" if implicit else named)


def scaled(metric: Metric, kind: FeedbackKind, value: float | None, label: str | None) -> float | Uncounted | None:
    """A feedback's value on the metric's scale, or why it has none there; None where nothing was said."""
    if kind == "label":
        if label is None:
            return None
        word = label.strip().casefold().replace("_", " ").replace("-", " ")
        return 1.0 if word in GOOD else 0.0 if word in BAD else "unknown_label"
    if value is None:
        return None
    at = metric.to_scale(value)
    return at if 0.0 <= at <= 1.0 else "out_of_range"


def from_feedback(event: FeedbackCreated) -> Iterator[Reading | Uncounted]:
    """What one feedback measures: at most one reading."""
    metric = metric_of(event.kind, event.name, event.source == "implicit")
    if metric is None:
        return
    if event.execution is None:
        yield "unjoined"
        return
    if _refused(event.execution.consent):
        yield "no_consent"
        return
    value = "no_consent" if _refused(event.consent) else scaled(metric, event.kind, event.value, event.label)
    old = event.replaces
    former = scaled(metric, event.kind, old.value, old.label) if old else None
    if isinstance(value, str):
        yield value
        value = None
    if isinstance(former, str):
        former = None
    if value is not None or former is not None:
        yield _reading(event, event.execution, metric, value, former)


def from_execution(event: ExecutionRecorded) -> Iterator[Reading | Uncounted]:
    """What one execution measures by itself: its outcome, latency, cost and scores."""
    if _refused(event.facts.consent):
        yield "no_consent"
        return
    if event.facts.outcome is not None:
        failed = float(event.facts.outcome in _FAILED)
        yield _reading(event, event.facts, ERROR_RATE, ERROR_RATE.to_scale(failed), None)
    yield from _within(event, LATENCY, event.latency_ms, _MOST_MS)
    yield from _within(event, COST, event.cost, _MOST_USD)
    for name, score in event.scores.items():
        yield from _within(event, metric_named(f"score.{name}"), score, 1.0)


def _within(
    event: ExecutionRecorded, metric: Metric, value: float | None, most: float
) -> Iterator[Reading | Uncounted]:
    if value is None:
        return
    fits = 0.0 <= value <= most
    yield _reading(event, event.facts, metric, metric.to_scale(value), None) if fits else "out_of_range"


def _refused(consent: Consent) -> bool:
    """Unknown consent counts for quality; only a no does not."""
    return consent.quality is False


def _reading(
    event: FeedbackCreated | ExecutionRecorded,
    facts: ExecutionFacts,
    metric: Metric,
    value: float | None,
    former: float | None,
) -> Reading:
    return Reading(
        Dimension(event.project, event.environment, event.target, metric.name),
        metric,
        _uses(facts.prompts),
        facts,
        value,
        former,
        facts.occurred_at.timestamp(),
        event.received_at.timestamp(),
    )


def _uses(prompts: tuple[PromptUse, ...]) -> tuple[Use, ...]:
    """The prompts that a value speaks of, each name once."""
    if len(prompts) == 1:
        return (Use(prompts[0].name, prompts[0].identity),)
    named = {prompt.name: Use(prompt.name, prompt.identity) for prompt in prompts}
    return tuple(named.values()) or _NO_PROMPT


def change_unit(metric: Metric) -> str:
    """What its changes are told in: per cent of what was before for amounts, points of the scale else."""
    return "%" if metric.kind == "real" else "pp"


def moved(points: float, metric: Metric) -> str:
    """A change as the metric moved, without its unit, from points of which negative ones are worse."""
    return signed(points, metric.direction == "lower_is_better")
