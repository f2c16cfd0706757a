"""Extraction of readings from feedback and executions.

| from | metric | in its own unit | scale (more is better) |
|---|---|---|---|
| thumb 0, 1 | `thumb`, or `thumb.<name>` | share of thumbs up | as it is |
| rating 1 to 5 | `rating`, or `rating.<name>` | stars | (r − 1) / 4 |
| label | `label`, or `label.<name>` | share of good words | 1 good, 0 bad |
| score of a judge | `judge.<name>` | score | as it is |
| anchor of a judge, scored again | `judge_anchors.<name>` | difference to its first score | (d + 1) / 2 |
| score, of feedback or execution | `score.<name>` | score | (s − low) / (high − low) |
| preference | `preference`, or `preference.<name>` | share of comparisons that the answer won | 1 chosen, 0 rejected |
| click, copy | `implicit.click`, `implicit.copy` | share of answers | 1 it happened, 0 it did not |
| dwell | `implicit.dwell` | milliseconds, geometric mean | log |
| requery, regenerate, abandon, continue | `implicit.<kind>`, of all four | share of answers | 1 its own, 0 the others |
| execution's outcome | `error_rate` | share of errors and time-outs | 1 − error |
| execution's latency | `latency_ms` | milliseconds, geometric mean | −log |
| execution's time to first token | `time_to_first_token_ms` | milliseconds, geometric mean | −log |
| execution's cost | `cost_usd`, or of another currency | its currency, geometric mean | −log |
| execution's tokens | `input_tokens`, `output_tokens` and other kinds | tokens, geometric mean | log |

Direction, scale, floor and meanings of labels are those of the metric's definition: declared, or the default
(`shared.metric_catalog`). If less is better, the scale is reversed. While the direction is undeclared, values are
summed in both directions, so that they count once it is declared; cached, cache-write and reasoning tokens only from
then on, because most providers send them with each call. Latency, tokens and cost have heavy tails, so they are summed
and compared on the log scale: the mean is geometric and the floor is 10 %. Implicit feedback has separate metrics
(`implicit.thumb`), and what a user did has only such (`shared.metric_catalog.implicit_kinds`). Comments and
corrections are not measured, nor preferences between outputs of other executions.

Values that are not measured are counted by target, metric and reason: feedback without its execution (`unjoined`),
without consent to quality (`no_consent`), about a trace or session that several prompt versions answered
(`mixed_versions`), labels of unknown meaning (`unknown_label`, by word) or neutral ones
(`neutral_label`), and values outside their scale (`out_of_range`), which are never clipped.

The latest feedback of a user about an execution counts, if it has consent. The value that it replaces is removed in any
case: a user who withdraws consent leaves n and the mean. A value that never counted is missing in `replaces` and is not
removed.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from analyzer.domain.metrics.definitions import BY_DEFAULT, Definitions, Measures, TargetMetrics, to_metric
from analyzer.domain.metrics.judges import add_judge_attribute
from analyzer.domain.metrics.uncounted import (
    AnyExecution,
    AnyFeedback,
    UncountedReason,
    UncountedValue,
    uncounted,
    word_to_store,
)
from analyzer.domain.model import NO_PROMPT, Metric, Reading, Use
from shared.events.feedback import (
    Consent,
    ExecutionFacts,
    Outcome,
    PromptUse,
)
from shared.events.feedback_structs import (
    ConsentStruct,
    ExecutionFactsStruct,
    PromptUseStruct,
)
from shared.metric_catalog import (
    NEXT_STEPS,
    TOKENS,
    cost_metric,
    definition_of,
    meaning_of,
    metric_name,
    source_metric_name,
)

_FAILED: frozenset[Outcome] = frozenset({"error", "timeout"})
_MEANINGS = {"good": 1.0, "bad": 0.0}


@lru_cache(maxsize=4096)
def metric_named(name: str) -> Metric:
    """Return the metric of that name by its default definition."""
    return to_metric(definition_of(name))


ERROR_RATE = metric_named("error_rate")
LATENCY = metric_named("latency_ms")
COST = metric_named("cost_usd")
TIME_TO_FIRST_TOKEN = metric_named("time_to_first_token_ms")
_COUNTED_TOKENS = frozenset({"input_tokens", "output_tokens"})
"""Tokens that are counted before a direction is declared."""


def from_feedback(event: AnyFeedback, definitions: Definitions = BY_DEFAULT) -> Iterator[Reading | UncountedValue]:
    """Yield the readings of one feedback (one for each direction it is summed in), or why it is not counted."""
    if event.kind == "comment" or event.kind == "correction":
        return
    name = source_metric_name(event.kind, event.name, event.source)
    if event.execution is None:
        yield uncounted(event, name, "unjoined")
        return
    if _refused(event.execution.consent):
        yield uncounted(event, name, "no_consent")
        return
    if event.kind in NEXT_STEPS:
        yield from _from_next_step(event, name, event.execution, definitions)
        return
    measures = definitions.find_measures(event.project, event.environment, event.target, name)
    found = measures.found
    rejected = _rejection(event)
    value: float | UncountedValue | None = (
        uncounted(event, name, rejected) if rejected else _value(event, found, event.value, event.label)
    )
    old = event.replaces
    former = _value(event, found, old.value, old.label) if old else None
    if isinstance(value, UncountedValue):
        yield value
        value = None
    if isinstance(former, UncountedValue):
        former = None
    yield from _readings(event, event.execution, measures, value, former)


def _from_next_step(
    event: AnyFeedback, name: str, execution: ExecutionFacts | ExecutionFactsStruct, definitions: Definitions
) -> Iterator[Reading | UncountedValue]:
    """Yield the readings of what a user did next: a value of each metric of next steps."""
    rejected = _rejection(event)
    former = event.replaces.label if event.replaces else None
    if rejected:
        yield uncounted(event, name, rejected)
    for step in NEXT_STEPS:
        measures = definitions.find_measures(
            event.project, event.environment, event.target, metric_name(step, event.name)
        )
        value = None if rejected else float(step == event.kind)
        yield from _readings(event, execution, measures, value, None if former is None else float(step == former))


def _rejection(event: AnyFeedback) -> UncountedReason | None:
    """Return why a joined feedback is not counted, whatever its value; None if it may be."""
    return "no_consent" if _refused(event.consent) else "mixed_versions" if event.mixed else None


def _readings(
    event: AnyFeedback,
    execution: ExecutionFacts | ExecutionFactsStruct,
    measures: Measures,
    value: float | None,
    former: float | None,
) -> Iterator[Reading]:
    """Yield a reading for each direction that values are summed in; none where there is neither value."""
    if value is None and former is None:
        return
    uses, at, received = _circumstances(event, execution)
    if event.source == "judge":
        execution = add_judge_attribute(execution, event.evaluator)
    for dimension, metric in measures.dimensions:
        new, old = (None if each is None else metric.to_scale(each) for each in (value, former))
        yield Reading(dimension, metric, uses, execution, new, old, at, received)


def from_execution(event: AnyExecution, definitions: Definitions = BY_DEFAULT) -> Iterator[Reading | UncountedValue]:
    """Yield the readings of one execution: outcome, latency, cost and scores.

    A completion yields only what it adds.
    """
    if _refused(event.facts.consent):
        if event.revision == 1:
            yield uncounted(event, "", "no_consent")
        return
    facts = event.facts
    outcome = facts.outcome if event.is_new("outcome") else None
    failed = None if outcome is None else float(outcome in _FAILED)
    cost = COST.name if event.currency is None else cost_metric(event.currency)
    measured = {ERROR_RATE.name: failed, LATENCY.name: event.latency_ms, cost: event.cost}
    measured[TIME_TO_FIRST_TOKEN.name] = event.time_to_first_token_ms
    scope = event.project, event.environment, event.target
    for name in TOKENS:
        count = getattr(event.usage, name)
        if count is not None and (name in _COUNTED_TOKENS or definitions.find(*scope, name).definition.declared):
            measured[name] = float(count)
    measured |= {metric_name("score", name): score for name, score in event.scores.items()}
    uses, at, received = _circumstances(event, facts)
    for name, value in measured.items():
        if value is None:
            continue
        found, dimensions = definitions.find_measures(*scope, name)
        if found.definition.contains(value):
            for dimension, metric in dimensions:
                yield Reading(dimension, metric, uses, facts, metric.to_scale(value), None, at, received)
        else:
            yield uncounted(event, name, "out_of_range", value=value)


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
        return uncounted(event, definition.name, reason, word=word_to_store(label))
    if value is None:
        return None
    return value if definition.contains(value) else uncounted(event, definition.name, "out_of_range", value=value)


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
    return tuple(named.values()) or NO_PROMPT
