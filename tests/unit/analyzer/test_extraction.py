"""Measurements of each kind of feedback and of each field of an execution."""

import math
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.metrics.definitions import Declared, Definitions, TargetScope
from analyzer.domain.metrics.extraction import from_execution, from_feedback
from analyzer.domain.metrics.uncounted import UncountedReason, UncountedValue
from analyzer.domain.model import Reading
from analyzer.handlers import readings
from shared.events import event_type
from shared.events.base import Event
from shared.events.feedback import Consent, ExecutionRecorded, FeedbackCreated, PromptUse, Replaced, Usage
from shared.events.feedback_structs import DECODERS
from shared.metric_catalog import Declaration
from tests.support.generated_events import events
from tests.support.quality import facts, feedback, recorded


def single_reading(found: Any) -> Reading:
    (reading,) = found
    assert isinstance(reading, Reading)
    return reading


@pytest.mark.parametrize(
    ("fields", "metric", "value"),
    [
        ({"kind": "thumb", "value": 0.0}, "thumb", 0.0),
        ({"kind": "rating", "value": 4.0}, "rating", 0.75),
        ({"kind": "label", "value": None, "label": "Correct"}, "label", 1.0),
        ({"kind": "label", "value": None, "label": "Not_Helpful", "name": "use"}, "label.use", 0.0),
        ({"kind": "score", "value": 0.4}, "score", 0.4),
        ({"kind": "score", "value": 0.4, "name": "Factuality"}, "score.Factuality", 0.4),
        ({"kind": "thumb", "value": 1.0, "source": "implicit"}, "implicit.thumb", 1.0),
        ({"kind": "rating", "value": 1.0, "source": "implicit"}, "implicit.rating", 0.0),
        ({"kind": "preference", "value": 1.0}, "preference", 1.0),
        ({"kind": "copy", "value": 0.0, "source": "implicit"}, "implicit.copy", 0.0),
        ({"kind": "click", "value": 1.0, "source": "implicit", "name": "link"}, "implicit.click.link", 1.0),
    ],
)
def test_feedback(fields: dict[str, Any], metric: str, value: float) -> None:
    reading = single_reading(from_feedback(feedback(1, **fields)))
    assert (reading.metric.name, reading.value, reading.former) == (metric, value, None)
    assert reading.dimension.names == ("acme", "production", "bot", metric)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"execution": None, "target": ""}, "unjoined"),
        ({"consent": Consent(quality=False)}, "no_consent"),
        ({"execution": facts(1, consent=Consent(quality=False))}, "no_consent"),
        ({"kind": "label", "value": None, "label": "purple"}, "unknown_label"),
        ({"kind": "score", "value": 7.0}, "out_of_range"),
        ({"kind": "rating", "value": 0.0}, "out_of_range"),
    ],
)
def test_uncounted_feedback(fields: dict[str, Any], reason: UncountedReason) -> None:
    (found,) = from_feedback(feedback(1, **fields))
    assert isinstance(found, UncountedValue)
    assert found.reason == reason


def test_next_step_is_a_value_of_each_metric_of_next_steps() -> None:
    step: dict[str, Any] = {"kind": "requery", "value": 1.0, "source": "implicit"}
    found = [each for each in from_feedback(feedback(1, **step)) if isinstance(each, Reading)]
    values = {each.metric.name: each.metric.from_scale(each.value or 0.0) for each in found}
    assert values == {
        "implicit.requery": 1.0, "implicit.regenerate": 0.0, "implicit.abandon": 0.0, "implicit.continue": 0.0
    }  # fmt: skip
    assert all(each.former is None for each in found)
    old = Replaced(feedback_id=uuid4(), value=1.0, label="continue")
    replaced = [each for each in from_feedback(feedback(1, replaces=old, **step)) if isinstance(each, Reading)]
    assert [each.metric.from_scale(each.former or 0.0) for each in replaced] == [0.0, 0.0, 0.0, 1.0]
    (refused, *removed) = from_feedback(feedback(1, replaces=old, consent=Consent(quality=False), **step))
    assert refused == UncountedValue("acme", "production", "bot", "implicit.requery", "no_consent")
    assert [each.value for each in removed if isinstance(each, Reading)] == [None] * 4


def test_dwell_time_is_an_amount_of_either_direction() -> None:
    dwell = feedback(1, kind="dwell", value=1000.0, source="implicit")
    found = [each for each in from_feedback(dwell) if isinstance(each, Reading)]
    assert sorted(each.value or 0.0 for each in found) == [-math.log(1000.0), math.log(1000.0)]
    assert {(each.metric.name, each.metric.unit, each.metric.direction) for each in found} == {
        ("implicit.dwell", "ms", "undeclared")
    }


def test_feedback_about_several_versions_counts_for_none_and_removes_the_previous_value() -> None:
    old = Replaced(feedback_id=uuid4(), value=0.0)
    found = list(from_feedback(feedback(1, about="session", session="s", mixed=True, replaces=old)))
    assert found[0] == UncountedValue("acme", "production", "bot", "thumb", "mixed_versions")
    assert isinstance(found[1], Reading)
    assert (found[1].former, found[1].value) == (0.0, None)
    (step,) = from_feedback(feedback(1, kind="abandon", source="implicit", mixed=True))
    assert step == UncountedValue("acme", "production", "bot", "implicit.abandon", "mixed_versions")


def test_preference_between_other_outputs_measures_nothing() -> None:
    assert list(from_feedback(feedback(1, kind="preference", value=None))) == []


@pytest.mark.parametrize("kind", ["comment", "correction"])
def test_text_measures_nothing(kind: str) -> None:
    assert list(from_feedback(feedback(1, kind=kind, value=None, text="no"))) == []


def test_later_feedback_replaces_the_previous_one() -> None:
    reading = single_reading(from_feedback(feedback(1, replaces=Replaced(feedback_id=uuid4(), value=0.0))))
    assert (reading.former, reading.value) == (0.0, 1.0)


def test_value_that_measured_nothing_is_not_removed() -> None:
    old = Replaced(feedback_id=uuid4(), label="purple")
    reading = single_reading(from_feedback(feedback(1, kind="label", value=None, label="correct", replaces=old)))
    assert (reading.former, reading.value) == (None, 1.0)


def test_feedback_that_measures_nothing_removes_the_previous_value() -> None:
    old = Replaced(feedback_id=uuid4(), label="correct")
    found = list(from_feedback(feedback(1, kind="label", value=None, label="purple", replaces=old)))
    assert found[0] == UncountedValue("acme", "production", "bot", "label", "unknown_label", "purple")
    assert isinstance(found[1], Reading)
    assert (found[1].former, found[1].value) == (1.0, None)


def test_feedback_without_consent_removes_the_previous_value() -> None:
    old = Replaced(feedback_id=uuid4(), value=0.0)
    found = list(from_feedback(feedback(1, replaces=old, consent=Consent(quality=False))))
    assert found[0] == UncountedValue("acme", "production", "bot", "thumb", "no_consent")
    assert isinstance(found[1], Reading)
    assert (found[1].former, found[1].value) == (0.0, None)


def test_execution_without_consent_has_nothing_to_remove() -> None:
    old = Replaced(feedback_id=uuid4(), value=0.0)
    about = facts(1, consent=Consent(quality=False))
    refused = UncountedValue("acme", "production", "bot", "thumb", "no_consent")
    assert list(from_feedback(feedback(1, replaces=old, execution=about))) == [refused]


@pytest.mark.parametrize(("outcome", "good"), [("ok", 1.0), ("refused", 1.0), ("error", 0.0), ("timeout", 0.0)])
def test_outcomes(outcome: str, good: float) -> None:
    execution = recorded(1, facts=facts(1, outcome=outcome), latency_ms=None)
    reading = single_reading(from_execution(execution))
    assert (reading.metric.name, reading.value) == ("error_rate", good)


def test_executions_measure_latency_cost_and_scores() -> None:
    found = list(from_execution(recorded(1, cost=0.02, scores={"relevance": 0.5, "words": 40.0})))
    values = {reading.metric.name: reading.value for reading in found if isinstance(reading, Reading)}
    assert values == {
        "error_rate": 1.0,
        "latency_ms": -math.log(120.0),
        "cost_usd": -math.log(0.02),
        "score.relevance": 0.5,
    }
    assert UncountedValue("acme", "production", "bot", "score.words", "out_of_range", value=40.0) in found


def test_executions_measure_times_tokens_and_costs_in_any_currency() -> None:
    usage = Usage(input_tokens=100, output_tokens=0, cached_input_tokens=80, total_tokens=100)
    execution = recorded(1, cost=3.0, currency="EUR", time_to_first_token_ms=40.0, usage=usage)
    found = [reading for reading in from_execution(execution) if isinstance(reading, Reading)]
    values = {(reading.metric.name, reading.metric.mirrored): reading.value for reading in found}
    assert values == {
        ("error_rate", False): 1.0, ("latency_ms", False): -math.log(120.0), ("cost_eur", False): -math.log(3.0),
        ("time_to_first_token_ms", False): -math.log(40.0), ("input_tokens", False): -math.log(100.0),
        ("input_tokens", True): math.log(100.0), ("output_tokens", False): 0.0, ("output_tokens", True): 0.0,
    }  # fmt: skip


def test_cached_tokens_are_measured_once_their_direction_is_declared() -> None:
    more = Declared(Declaration(direction="higher_is_better"))
    definitions = Definitions({TargetScope("acme", "production", None, "cached_input_tokens"): more})
    execution = recorded(1, usage=Usage(cached_input_tokens=80))
    found = [it for it in from_execution(execution, definitions) if isinstance(it, Reading)]
    assert [(it.metric.name, it.value) for it in found if it.metric.unit == "tokens"] == [
        ("cached_input_tokens", math.log(80.0))
    ]


def test_an_execution_without_consent_or_outcome_measures_nothing() -> None:
    refused = recorded(1, facts=facts(1, outcome="ok", consent=Consent(quality=False)))
    assert list(from_execution(refused)) == [UncountedValue("acme", "production", "bot", "", "no_consent")]
    assert list(from_execution(recorded(1, facts=facts(1), latency_ms=None))) == []


def test_each_prompt_is_named_once_and_absence_is_named() -> None:
    twice = (PromptUse(name="a", version="1"), PromptUse(name="a", version="1"), PromptUse(name="b", digest="sha256:b"))
    assert single_reading(from_feedback(feedback(1, execution=facts(1, prompts=twice)))).uses == (
        ("a", "label:1"),
        ("b", "sha256:b"),
    )
    assert single_reading(from_feedback(feedback(1, execution=facts(1, prompts=())))).uses == (("", "none"),)


@pytest.mark.parametrize("event", [ExecutionRecorded, FeedbackCreated])
@given(data=st.data())
def test_struct_has_the_readings_of_its_model(event: type[Event], data: st.DataObject) -> None:
    model = data.draw(events(event))
    struct = DECODERS[event_type(event)](model.model_dump_json().encode())
    by_struct, by_model = list(readings(struct)), list(readings(model))
    facts_of = [each.facts.execution_id for each in by_struct if isinstance(each, Reading)]
    assert facts_of == [each.facts.execution_id for each in by_model if isinstance(each, Reading)]
    assert [_without_facts(each) for each in by_struct] == [_without_facts(each) for each in by_model]


def _without_facts(found: Reading | UncountedValue) -> tuple[Any, ...]:
    return found._replace(facts=None) if isinstance(found, Reading) else found  # type: ignore[arg-type]
