"""Readings of judges: what their scores are split by, and how far anchors are from their first scores."""

from collections.abc import Iterator

from analyzer.domain.metrics.definitions import BY_DEFAULT, Definitions
from analyzer.domain.model import NO_PROMPT, Reading
from analyzer.domain.segments.dimensions import JUDGE_ATTRIBUTE
from shared.events.evaluation import JudgeAnchored
from shared.events.feedback import ExecutionFacts
from shared.events.feedback_structs import ExecutionFactsStruct
from shared.metric_catalog import JUDGE_ANCHORS


def from_anchor(event: JudgeAnchored, definitions: Definitions = BY_DEFAULT) -> Iterator[Reading]:
    """Yield the reading of an anchor: how far the judge's score is from its first one."""
    scope = event.project, event.environment, event.target
    facts = ExecutionFactsStruct(execution_id=f"anchor:{event.case_id}", occurred_at=event.occurred_at)
    at = event.occurred_at.timestamp()
    for dimension, metric in definitions.find_measures(*scope, JUDGE_ANCHORS + event.judge).dimensions:
        value = metric.to_scale(event.score - event.first)
        yield Reading(dimension, metric, NO_PROMPT, facts, value, None, at, at)


def add_judge_attribute(facts: ExecutionFacts | ExecutionFactsStruct, evaluator: str | None) -> ExecutionFactsStruct:
    """Return what a judge's score is split by: the facts of its execution, with the judge as an attribute."""
    attributes = {**facts.attributes, JUDGE_ATTRIBUTE: evaluator or ""}
    return ExecutionFactsStruct(
        execution_id=facts.execution_id,
        model=facts.model,
        arm=facts.arm,
        user=facts.user,
        session=facts.session,
        input=facts.input,
        outcome=facts.outcome,
        attributes=attributes,
        occurred_at=facts.occurred_at,
    )
