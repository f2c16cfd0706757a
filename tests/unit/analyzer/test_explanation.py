"""Explanations of regressions: consistent with the events, including what is known about the recovery."""

from collections.abc import Iterable

from analyzer.domain.engine import QualityEngine
from analyzer.domain.metrics.extraction import metric_named
from analyzer.domain.regressions.explanation import Explanation, explain_regression
from analyzer.domain.watch_rules import Rule, Rules
from analyzer.handlers import Measurable
from tests.support.quality import facts, recorded
from tests.unit.analyzer.conftest import Feed
from tests.unit.analyzer.test_regression_lifecycle import thumbs


def explained(feed: Feed, events: Iterable[Measurable], engine: QualityEngine | None = None) -> Explanation:
    known = engine or QualityEngine()
    feed(known, events)
    (regression,) = known.regressions.values()
    return explain_regression(regression, metric_named(regression.detected.metric))


def has(sentences: tuple[str, ...], *parts: str) -> bool:
    return any(all(part in sentence for part in parts) for sentence in sentences)


def test_worse_version_is_explained_with_both_sides_and_the_level(feed: Feed) -> None:
    explanation = explained(feed, [*thumbs(0, 300, 0.9), *thumbs(300, 150, 0.5, "v2")])
    assert explanation.what.startswith("thumb of bot in production got worse: from 90.0 % [")
    assert "n=300" in explanation.what
    assert "to 50.0 % [" in explanation.what
    assert has(explanation.reasons, "Prompt answer, label:v2 is compared with label:v1")
    assert has(explanation.reasons, "with a probability of at most 5 %", "switch/2")
    assert has(explanation.reasons, "−40.0 pp, between −", "Changes smaller than 5 pp do not open")
    assert has(explanation.reasons, "It began at 2026-01-01 00:05:00 UTC")
    assert has(explanation.causes, "prompt version answer, label:v1 → label:v2")


def test_recovery_condition_is_stated_with_its_progress(feed: Feed) -> None:
    explanation = explained(feed, [*thumbs(0, 300, 0.9), *thumbs(300, 100, 0.5, "v2"), *thumbs(400, 60, 0.9, "v3")])
    assert has(
        explanation.counter_evidence, "at least 100 values", "above 70.0 %", "the latest 200 or fewer reaches 85.0 %"
    )
    assert has(
        explanation.counter_evidence,
        "label:v3 on model-a is in use: 60 values so far, the mean of the latest 60 is 90.0 %",
    )


def test_resolved_regression_states_its_recovery(feed: Feed) -> None:
    explanation = explained(feed, [*thumbs(0, 300, 0.9), *thumbs(300, 150, 0.5, "v2"), *thumbs(450, 300, 0.9)])
    assert has(explanation.counter_evidence, "Resolved at 2026-01-01", "(n=100) since then")
    assert has(
        explanation.counter_evidence, "prompt version answer, ", " → label:v1: it came into use before the recovery"
    )


def test_simultaneous_causes_are_stated_as_such(feed: Feed) -> None:
    explanation = explained(feed, [*thumbs(0, 300, 0.9), *thumbs(300, 150, 0.3, "v2", "model-b")])
    assert has(explanation.causes, "cannot be distinguished")
    assert has(explanation.causes, "model, model-a → model-b")
    assert has(explanation.counter_evidence, "To distinguish the causes")


def test_drop_without_a_switch_has_a_time_interval(feed: Feed) -> None:
    explanation = explained(feed, [*thumbs(0, 500, 0.9), *thumbs(500, 400, 0.3)])
    assert has(explanation.reasons, "compared with its own earlier values")
    assert has(explanation.reasons, "It began between", "most likely at")
    assert has(explanation.causes, "unknown: ")


def test_latency_is_stated_in_its_unit(feed: Feed) -> None:
    fast = (recorded(n, latency_ms=100.0 + n % 7) for n in range(300))
    slow = (recorded(n, "v2", latency_ms=200.0 + n % 7) for n in range(300, 450))
    explanation = explained(feed, [*fast, *slow])
    assert explanation.what.startswith("latency_ms of bot in production got worse: from 103 ms [")
    assert has(explanation.reasons, "+97.", "%, between +", "Changes smaller than 10 % do not open")
    assert has(explanation.counter_evidence, "the mean is below ")


def test_one_bad_value_suffices_under_a_rule(feed: Feed) -> None:
    engine = QualityEngine(Rules(rules=[Rule(metric="thumb", safety=True)]))
    explanation = explained(feed, [*thumbs(0, 50, 1.0), *thumbs(50, 1, 0.0)], engine)
    assert has(explanation.reasons, "with one bad value")
    assert has(explanation.causes, "safety: ")
    assert has(explanation.counter_evidence, "resolved after 100 values without a bad one; 0 so far")


def test_agreed_rate_is_stated(feed: Feed) -> None:
    engine = QualityEngine(Rules(rules=[Rule(metric="error_rate", agreed=0.01)]))
    calls = (recorded(n, facts=facts(n, outcome="error" if n % 4 == 0 else "ok"), latency_ms=None) for n in range(150))
    explanation = explained(feed, calls, engine)
    assert has(explanation.reasons, "compared with the agreed rate")
    assert has(explanation.counter_evidence, "at most twice the agreed 0.01")


def test_losing_words_and_segments_are_named(feed: Feed) -> None:
    def executions_with_inputs(first: int, n: int, version: str) -> Iterable[Measurable]:
        for thumb in thumbs(first, n, 1.0, version):
            number = int(thumb.occurred_at.timestamp())
            tax, lost = number % 2 == 0, version == "v2"
            execution = facts(
                number, version, input="about tax law" if tax else "about pets", user=f"u{number % 50}",
                attributes={"route": "tax" if tax else "pets"},
            )  # fmt: skip
            yield thumb.model_copy(update={"execution": execution, "value": float(not (tax and lost))})

    explanation = explained(feed, [*executions_with_inputs(0, 400, "v1"), *executions_with_inputs(400, 200, "v2")])
    assert has(explanation.causes, "route tax got worse more than the rest")
    assert has(explanation.causes, "inputs with “tax” got worse") or has(
        explanation.causes, "inputs with “law” got worse"
    )
