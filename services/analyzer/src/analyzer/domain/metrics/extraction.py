"""Extraction of readings from feedback and executions.

| from | metric | in its own unit | scale (more is better) |
|---|---|---|---|
| thumb 0, 1 | `thumb`, or `thumb.<name>` | share of thumbs up | as it is |
| rating 1 to 5 | `rating`, or `rating.<name>` | stars | (r − 1) / 4 |
| label | `label`, or `label.<name>` | share of good words | 1 good, 0 bad |
| score, of feedback or execution | `score.<name>` | score | (s − low) / (high − low) |
| execution's outcome | `error_rate` | share of errors and time-outs | 1 − error |
| execution's latency | `latency_ms` | milliseconds, geometric mean | −log |
| execution's cost | `cost_usd` | US dollars, geometric mean | −log |

Direction, scale, floor and meanings of labels are those of the metric's definition: declared, or the default
(`shared.metric_catalog`). If less is better, the scale is reversed. While the direction is undeclared, values are
summed in both directions, so that they count once it is declared. Latency and cost have heavy tails, so they are summed
and compared on the log scale: the mean is geometric and the floor is 10 %. Implicit feedback has separate metrics
(`implicit.thumb`). Comments and corrections are not measured.

Values that are not measured are counted by target, metric and reason: feedback without its execution (`unjoined`),
without consent to quality (`no_consent`), labels of unknown meaning (`unknown_label`, by word) or neutral ones
(`neutral_label`), and values outside their scale (`out_of_range`), which are never clipped.

The latest feedback of a user about an execution counts, if it has consent. The value that it replaces is removed in any
case: a user who withdraws consent leaves n and the mean. A value that never counted is missing in `replaces` and is not
removed.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from analyzer.domain.metrics.definitions import Definitions, TargetMetrics, to_metric
from analyzer.domain.model import Metric, Reading, Use
from shared.events.feedback import (
    Consent,
    ExecutionFacts,
    ExecutionRecorded,
    FeedbackCreated,
    Outcome,
    PromptUse,
)
from shared.events.feedback_structs import (
    ConsentStruct,
    ExecutionFactsStruct,
    ExecutionRecordedStruct,
    FeedbackCreatedStruct,
    PromptUseStruct,
)
from shared.metric_catalog import definition_of, meaning_of, metric_name, normalized_label

AnyExecution = ExecutionRecorded | ExecutionRecordedStruct
AnyFeedback = FeedbackCreated | FeedbackCreatedStruct
UncountedReason = Literal["unjoined", "no_consent", "unknown_label", "neutral_label", "out_of_range"]
"""The reason why a value is not counted."""

BY_DEFAULT = Definitions()
"""The definitions of a project without declarations."""
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
    reason: UncountedReason
    word: str = ""
    value: float | None = None


@lru_cache(maxsize=4096)
def metric_named(name: str) -> Metric:
    """Return the metric of that name by its default definition."""
    return to_metric(definition_of(name))


ERROR_RATE = metric_named("error_rate")
LATENCY = metric_named("latency_ms")
COST = metric_named("cost_usd")


def from_feedback(event: AnyFeedback, definitions: Definitions = BY_DEFAULT) -> Iterator[Reading | UncountedValue]:
    """Yield the readings of one feedback (one for each direction it is summed in), or why it is not counted."""
    if event.kind == "comment" or event.kind == "correction":
        return
    name = metric_name(event.kind, event.name, event.source == "implicit")
    if event.execution is None:
        yield _uncounted(event, name, "unjoined")
        return
    if _refused(event.execution.consent):
        yield _uncounted(event, name, "no_consent")
        return
    measures = definitions.find_measures(event.project, event.environment, event.target, name)
    found = measures.found
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
        uses, at, received = _circumstances(event, event.execution)
        for dimension, metric in measures.dimensions:
            new, old_value = (None if each is None else metric.to_scale(each) for each in (value, former))
            yield Reading(dimension, metric, uses, event.execution, new, old_value, at, received)


def from_execution(event: AnyExecution, definitions: Definitions = BY_DEFAULT) -> Iterator[Reading | UncountedValue]:
    """Yield the readings of one execution: outcome, latency, cost and scores.

    A completion yields only what it adds.
    """
    if _refused(event.facts.consent):
        if event.revision == 1:
            yield _uncounted(event, "", "no_consent")
        return
    facts = event.facts
    outcome = facts.outcome if event.is_new("outcome") else None
    failed = None if outcome is None else float(outcome in _FAILED)
    measured = {ERROR_RATE.name: failed, LATENCY.name: event.latency_ms, COST.name: event.cost}
    measured |= {metric_name("score", name): score for name, score in event.scores.items()}
    scope = event.project, event.environment, event.target
    uses, at, received = _circumstances(event, facts)
    for name, value in measured.items():
        if value is None:
            continue
        found, dimensions = definitions.find_measures(*scope, name)
        if found.definition.contains(value):
            for dimension, metric in dimensions:
                yield Reading(dimension, metric, uses, facts, metric.to_scale(value), None, at, received)
        else:
            yield _uncounted(event, name, "out_of_range", value=value)


def _value(
    event: AnyFeedback, found: TargetMetrics, value: float | None, label: str | None
) -> float | UncountedValue | None:
    """Return a feedback's value in its metric's own unit, or why it has none; None if it has no value."""
    definition = found.definition
    if definition.kind == "label":
        if label is None:
            return None
        meaning = meaning_of(label, event.name or "", definition.labels)
        if meaning in _MEANINGS:
            return _MEANINGS[meaning]
        reason: UncountedReason = "neutral_label" if meaning == "neutral" else "unknown_label"
        return _uncounted(event, definition.name, reason, word=_word(label))
    if value is None:
        return None
    return value if definition.contains(value) else _uncounted(event, definition.name, "out_of_range", value=value)


def _word(label: str) -> str:
    """Return a label for display; longer ones are texts of users and are not stored."""
    plain = normalized_label(label)
    return plain if len(plain) <= _LONGEST_WORD else f"longer than {_LONGEST_WORD} characters"


def _uncounted(
    event: AnyFeedback | AnyExecution,
    metric: str,
    reason: UncountedReason,
    word: str = "",
    value: float | None = None,
) -> UncountedValue:
    return UncountedValue(event.project, event.environment, event.target, metric, reason, word, value)


def _refused(consent: Consent | ConsentStruct) -> bool:
    """Return whether consent to quality was refused; unknown consent counts."""
    return consent.quality is False


def _circumstances(
    event: AnyFeedback | AnyExecution, facts: ExecutionFacts | ExecutionFactsStruct
) -> tuple[tuple[Use, ...], float, float]:
    """Return the prompts of a value, and the Unix times of its execution and of its receipt."""
    return _uses(facts.prompts), facts.occurred_at.timestamp(), event.received_at.timestamp()


def _uses(prompts: Sequence[PromptUse | PromptUseStruct]) -> tuple[Use, ...]:
    """Return the prompts of a value, without duplicate names."""
    if len(prompts) == 1:
        return (Use(prompts[0].name, prompts[0].identity),)
    named = {prompt.name: Use(prompt.name, prompt.identity) for prompt in prompts}
    return tuple(named.values()) or _NO_PROMPT
