"""The definition decides which change is a regression; undeclared metrics raise nothing, and count once declared."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.domain.engine import QualityEngine, RegressionEvent
from analyzer.domain.metrics.definitions import Declared, Definitions, TargetScope
from analyzer.domain.metrics.uncounted import UncountedValue
from analyzer.domain.model import Reading
from analyzer.domain.watch_rules import Rule, Rules
from analyzer.handlers import readings
from shared.events.feedback import FeedbackCreated
from shared.events.quality import RegressionDetected, RegressionResolved
from shared.metric_catalog import Declaration
from tests.support.quality import feedback
from tests.support.soak import scaled

LOWER, HIGHER = Declaration("lower_is_better"), Declaration("higher_is_better")


def scores(name: str, first: int, version: str, values: Iterable[float]) -> list[FeedbackCreated]:
    return [
        feedback(number, version, kind="score", name=name, value=value)
        for number, value in enumerate(values, start=first)
    ]


def switch(name: str, before: float, after: float) -> list[FeedbackCreated]:
    """Return 150 scores of a version, then 150 of another."""
    return scores(name, 1, "v1", [before] * 150) + scores(name, 151, "v2", [after] * 150)


def declared(metric: str, declaration: Declaration, target: str | None = None, generation: int = 0) -> Definitions:
    scope = TargetScope("acme", "production", target, metric)
    return Definitions({scope: Declared(declaration, generation)})


def feed(
    engine: QualityEngine, events: Iterable[FeedbackCreated], definitions: Definitions | None = None
) -> list[RegressionEvent]:
    known = definitions or Definitions()
    found = chain.from_iterable(readings(event, known) for event in events)
    return [turn for reading in found if isinstance(reading, Reading) for turn in engine.apply(reading)]


def uncounted(events: Iterable[FeedbackCreated], definitions: Definitions | None = None) -> list[UncountedValue]:
    found = chain.from_iterable(readings(event, definitions or Definitions()) for event in events)
    return [each for each in found if isinstance(each, UncountedValue)]


@pytest.mark.parametrize("name", ["toxicity", "pii_leakage", "Hallucination-Rate", "user_complaint", "not_helpful"])
def test_increase_of_a_lower_is_better_metric_is_a_regression(name: str) -> None:
    (worse,) = feed(QualityEngine(), switch(name, 0.1, 0.4))
    assert isinstance(worse, RegressionDetected)
    assert (worse.direction, worse.delta_pp) == ("lower_is_better", -30.0)
    assert [worse.baseline.mean, worse.current.mean] == pytest.approx([0.1, 0.4])
    assert feed(QualityEngine(), switch(name, 0.4, 0.1)) == []


@pytest.mark.parametrize("name", ["faithfulness", "non_toxic", "answer_relevancy"])
def test_decrease_of_a_higher_is_better_metric_is_a_regression(name: str) -> None:
    (worse,) = feed(QualityEngine(), switch(name, 0.4, 0.1))
    assert isinstance(worse, RegressionDetected)
    assert worse.direction == "higher_is_better"
    assert feed(QualityEngine(), switch(name, 0.1, 0.4)) == []


@pytest.mark.parametrize(("declaration", "before", "after"), [(LOWER, 0.1, 0.4), (HIGHER, 0.4, 0.1)])
def test_values_before_a_declaration_count_afterwards(declaration: Declaration, before: float, after: float) -> None:
    engine, events = QualityEngine(), switch("wordiness", before, after)
    assert feed(engine, events[:-25]) == []
    assert feed(engine, events[-25:], declared("score.wordiness", declaration)) != []
    measured = [stream.sums.n for key, stream in engine.streams.items() if key.identity == "label:v1"]
    assert measured == [150, 150]


@given(
    st.lists(st.floats(0.4, 0.6), min_size=230, max_size=260),
    st.integers(0, 259),
    st.sampled_from([LOWER, HIGHER]),
)
@settings(max_examples=scaled(15, 200, unit=4), deadline=None)
def test_late_declaration_gives_the_same_state_as_an_early_one(
    values: list[float], at: int, declaration: Declaration
) -> None:
    events = scores("wordiness", 1, "v1", values[:120]) + scores("wordiness", 121, "v2", values[120:])
    known = declared("score.wordiness", declaration)
    early, late = QualityEngine(), QualityEngine()
    assert feed(early, events, known) == []
    assert feed(late, events[:at]) + feed(late, events[at:], known) == []
    found = {key: stream.dump() for key, stream in late.streams.items()}
    assert all(found[key] == stream.dump() for key, stream in early.streams.items())


def test_undeclared_metric_is_measured_and_raises_nothing() -> None:
    for before, after in ((0.1, 0.9), (0.9, 0.1)):
        engine = QualityEngine()
        assert feed(engine, switch("wordiness", before, after)) == []
        measured = engine.pending_measurements()
        assert {event.direction for event in measured} == {"undeclared"}
        assert sorted(event.measurement.mean for event in measured) == pytest.approx(sorted((before, after)))


def test_regression_ends_when_the_direction_is_reversed() -> None:
    engine = QualityEngine()
    assert len(feed(engine, switch("Factuality", 0.9, 0.2))) == 1
    (ended,) = feed(engine, scores("Factuality", 400, "v2", [0.2]), declared("score.Factuality", LOWER))
    assert isinstance(ended, RegressionResolved)
    assert "direction" in ended.resolved_by.evidence
    more = scores("Factuality", 401, "v2", [0.2] * 300)
    assert feed(engine, more, declared("score.Factuality", LOWER)) == []


def test_later_values_count_on_a_declared_scale() -> None:
    grades = switch("grade", 8.0, 4.0)
    assert {each.reason for each in uncounted(grades)} == {"out_of_range"}
    scale = declared("score.grade", Declaration("higher_is_better", scale=(0.0, 10.0)), generation=1)
    assert uncounted(grades, scale) == []
    (worse,) = feed(QualityEngine(), grades, scale)
    assert isinstance(worse, RegressionDetected)
    assert [worse.baseline.mean, worse.current.mean, worse.delta_pp] == pytest.approx([8.0, 4.0, -40.0])


def test_values_on_another_scale_are_no_baseline() -> None:
    engine = QualityEngine()
    feed(engine, scores("Factuality", 1, "v1", [1.0] * 150))
    scale = declared("score.Factuality", Declaration(scale=(0.0, 10.0)), generation=1)
    assert feed(engine, scores("Factuality", 200, "v2", [1.0] * 150), scale) == []


def test_each_name_is_a_separate_metric() -> None:
    names = ("tone", "accuracy", None)
    versions = [("v1", 1, True), ("v2", 151, False)]
    events = [
        feedback(number * 3 + index, version, name=name, value=float(good or name != "tone"))
        for version, first, good in versions
        for number in range(first, first + 150)
        for index, name in enumerate(names)
    ]
    (worse,) = feed(QualityEngine(), events)
    assert isinstance(worse, RegressionDetected)
    assert (worse.metric, worse.baseline.n, worse.delta_pp) == ("thumb.tone", 150, -100.0)


@pytest.mark.parametrize("kind", ["thumb", "rating", "label"])
def test_unnamed_feedback_keeps_the_plain_name(kind: str) -> None:
    fields: dict[str, Any] = {"value": None, "label": "good"} if kind == "label" else {"value": 1.0}
    (reading,) = readings(feedback(1, kind=kind, **fields))
    assert isinstance(reading, Reading)
    assert reading.metric.name == kind


@pytest.mark.parametrize("word", ["toxic", "Toxic", "toxicity"])
def test_one_toxic_label_suffices_under_a_safety_rule(word: str) -> None:
    rules = Rules(rules=[Rule(metric="label.toxicity", safety=True)])
    good = [feedback(n, kind="label", name="toxicity", value=None, label="non-toxic") for n in range(1, 6)]
    bad = feedback(9, kind="label", name="toxicity", value=None, label=word)
    (regression,) = feed(QualityEngine(rules), [*good, bad])
    assert isinstance(regression, RegressionDetected)
    assert (regression.metric, regression.method, regression.affected_executions) == (
        "label.toxicity",
        "safety/1",
        ("e9",),
    )


def test_labels_without_meaning_are_uncounted_by_word() -> None:
    events = [
        feedback(n, kind="label", name="verdict", value=None, label=word)
        for n, word in enumerate(["A", "partially_correct", "Neutral", "x" * 100])
    ]
    assert [(each.metric, each.reason, each.word) for each in uncounted(events)] == [
        ("label.verdict", "unknown_label", "a"),
        ("label.verdict", "unknown_label", "partially correct"),
        ("label.verdict", "neutral_label", "neutral"),
        ("label.verdict", "unknown_label", "longer than 60 characters"),
    ]
    known = declared("label.verdict", Declaration(labels={"a": "good", "partially correct": "bad"}))
    assert [each.word for each in uncounted(events, known)] == ["neutral", "longer than 60 characters"]


def test_target_declaration_overrides_the_projects() -> None:
    both = Definitions(
        {
            TargetScope("acme", "production", None, "score.x"): Declared(Declaration("lower_is_better", floor=0.2), 2),
            TargetScope("acme", "production", "bot", "score.x"): Declared(HIGHER, 1),
        }
    )
    bot, other = (both.find("acme", "production", target, "score.x") for target in ("bot", "other"))
    assert (bot.definition.direction, bot.definition.floor, bot.metric.generation) == ("higher_is_better", 0.2, 3)
    assert (other.definition.direction, other.metric.generation) == ("lower_is_better", 2)
    assert both.find("acme", "staging", "bot", "score.x").definition.direction == "undeclared"


def test_amounts_with_higher_is_better_drop_by_ratio() -> None:
    speed = declared("score.tokens", Declaration("higher_is_better", aggregation="geometric_mean"))
    before, after = scores("tokens", 1, "v1", [80.0, 84.0] * 75), scores("tokens", 151, "v2", [40.0, 42.0] * 75)
    (worse,) = feed(QualityEngine(), before + after, speed)
    assert isinstance(worse, RegressionDetected)
    assert worse.delta_pp == pytest.approx(-50.0, abs=0.5)
    assert worse.current.mean == pytest.approx(41.0, abs=0.1)
