"""What is measured: from feedback kinds and execution fields to metrics.

| from | metric | in its own unit | scale (more is better) |
|---|---|---|---|
| thumb 0, 1 | `thumb`, or `thumb.<name>` | share of thumbs up | as it is |
| rating 1 to 5 | `rating`, or `rating.<name>` | stars | (r − 1) / 4 |
| label | `label`, or `label.<name>` | share of good words | 1 good, 0 bad |
| score, of feedback or execution | `score.<name>` | score | (s − low) / (high − low) |
| execution's outcome | `error_rate` | share of errors and time-outs | 1 − error |
| execution's latency | `latency_ms` | milliseconds, geometric mean | −log |
| execution's cost | `cost_usd` | US dollars, geometric mean | −log |

Direction, scale, floor and the meanings of labels are those of the metric's definition: declared, or by default
(`shared.metric_catalog`). Where less is better, the scale runs the other way. Of a metric of undeclared direction
values are summed both ways, so that what came before counts once somebody declares it. Latency and cost have heavy
tails, so they are summed and compared on the log scale: what is shown is the geometric mean; 10 % more is the floor.
Implicit feedback is measured apart (`implicit.thumb`). Comments and corrections are text: they measure nothing.

What is not measured is counted by target, metric and reason instead: feedback without its execution (`unjoined`),
without consent to quality (`no_consent`), labels of unknown meaning (`unknown_label`, by their word) or that judge
nothing (`neutral_label`), and values outside their scale (`out_of_range`), which are left out, never clipped.

Of a user's opinions on an execution the latest counts, if it may. What it replaces is taken back whether or not the
latest is measured: a user who withdraws consent leaves n and the mean, and comes back with the next opinion. What
never counted comes without its value in `replaces`, and is not taken back.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple

from analyzer.domain.metrics.definitions import Definitions, TargetMetrics, metric_of
from analyzer.domain.model import Dimension, Metric, Reading, Use
from shared.events.feedback import (
    Consent,
    ExecutionFacts,
    ExecutionRecorded,
    FeedbackCreated,
    Outcome,
    PromptUse,
)
from shared.metric_catalog import definition_of, meaning_of, metric_name, normalized_label
from shared.units import signed

Reason = Literal["unjoined", "no_consent", "unknown_label", "neutral_label", "out_of_range"]
"""Why a value is not counted."""

BY_DEFAULT = Definitions()
"""Definitions of a project that declared nothing."""
_FAILED: frozenset[Outcome] = frozenset({"error", "timeout"})
_NO_PROMPT = (Use("", "none"),)
_LONGEST_WORD = 60
_MEANINGS = {"good": 1.0, "bad": 0.0}


class UncountedValue(NamedTuple):
    """A value that is not counted. `word` is that of a label, `value` one outside its scale."""

    project: str
    environment: str
    target: str
    metric: str
    reason: Reason
    word: str = ""
    value: float | None = None


@lru_cache(maxsize=4096)
def metric_named(name: str) -> Metric:
    """Return the metric of that name by its default definition."""
    return metric_of(definition_of(name))


ERROR_RATE = metric_named("error_rate")
LATENCY = metric_named("latency_ms")
COST = metric_named("cost_usd")


def from_feedback(event: FeedbackCreated, definitions: Definitions = BY_DEFAULT) -> Iterator[Reading | UncountedValue]:
    """Yield what one feedback measures (one reading for each direction it is summed in), or why it is not counted."""
    if event.kind == "comment" or event.kind == "correction":
        return
    name = metric_name(event.kind, event.name, event.source == "implicit")
    if event.execution is None:
        yield _uncounted(event, name, "unjoined")
        return
    if _refused(event.execution.consent):
        yield _uncounted(event, name, "no_consent")
        return
    found = definitions.find(event.project, event.environment, event.target, name)
    value: float | UncountedValue | None = (
        _uncounted(event, name, "no_consent")
        if _refused(event.consent)
        else _value(event, found, event.value, event.label)
    )
    old = event.replaces
    former = _value(event, found, old.value, old.label) if old else None
    if isinstance(value, UncountedValue):
        yield value
        value = None
    if isinstance(former, UncountedValue):
        former = None
    if value is not None or former is not None:
        yield from _readings(event, event.execution, found, value, former)


def from_execution(
    event: ExecutionRecorded, definitions: Definitions = BY_DEFAULT
) -> Iterator[Reading | UncountedValue]:
    """Yield what one execution measures by itself: its outcome, latency, cost and scores. A completion measures
    what it adds."""
    if _refused(event.facts.consent):
        if event.revision == 1:
            yield _uncounted(event, "", "no_consent")
        return
    outcome = event.facts.outcome if event.is_new("outcome") else None
    failed = None if outcome is None else float(outcome in _FAILED)
    measured = {ERROR_RATE.name: failed, LATENCY.name: event.latency_ms, COST.name: event.cost}
    measured |= {metric_name("score", name): score for name, score in event.scores.items()}
    for name, value in measured.items():
        if value is None:
            continue
        found = definitions.find(event.project, event.environment, event.target, name)
        if found.definition.contains(value):
            yield from _readings(event, event.facts, found, value, None)
        else:
            yield _uncounted(event, name, "out_of_range", value=value)


def _value(
    event: FeedbackCreated, found: TargetMetrics, value: float | None, label: str | None
) -> float | UncountedValue | None:
    """Return a feedback's value in its metric's own unit, or why it has none; None where nothing was said."""
    definition = found.definition
    if definition.kind == "label":
        if label is None:
            return None
        meaning = meaning_of(label, event.name or "", definition.labels)
        if meaning in _MEANINGS:
            return _MEANINGS[meaning]
        reason: Reason = "neutral_label" if meaning == "neutral" else "unknown_label"
        return _uncounted(event, definition.name, reason, word=_word(label))
    if value is None:
        return None
    return value if definition.contains(value) else _uncounted(event, definition.name, "out_of_range", value=value)


def _word(label: str) -> str:
    """Return a label as it is shown: words are short, and what is longer is a text, which belongs nowhere else."""
    plain = normalized_label(label)
    return plain if len(plain) <= _LONGEST_WORD else f"longer than {_LONGEST_WORD} characters"


def _uncounted(
    event: FeedbackCreated | ExecutionRecorded, metric: str, reason: Reason, word: str = "", value: float | None = None
) -> UncountedValue:
    return UncountedValue(event.project, event.environment, event.target, metric, reason, word, value)


def _refused(consent: Consent) -> bool:
    """Unknown consent counts for quality; only a no does not."""
    return consent.quality is False


def _readings(
    event: FeedbackCreated | ExecutionRecorded,
    facts: ExecutionFacts,
    found: TargetMetrics,
    value: float | None,
    former: float | None,
) -> Iterator[Reading]:
    uses, at, received = _uses(facts.prompts), facts.occurred_at.timestamp(), event.received_at.timestamp()
    for metric in found.metrics:
        yield Reading(
            Dimension(event.project, event.environment, event.target, metric.name, metric.generation, metric.mirrored),
            metric,
            uses,
            facts,
            None if value is None else metric.to_scale(value),
            None if former is None else metric.to_scale(former),
            at,
            received,
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
