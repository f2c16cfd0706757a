"""Meaning of metrics by name, kind and declaration."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.metric_catalog import (
    IMPLICIT_KINDS,
    Declaration,
    ImplicitKind,
    ValueKind,
    cost_currency,
    cost_metric,
    definition_for,
    definition_of,
    direction_of,
    meaning_of,
)
from shared.metric_catalog.vocabulary import BAD_LABELS, GOOD_LABELS, HIGHER_NAMES, LOWER_NAMES, NEUTRAL_LABELS, PHRASES


def _words(text: str) -> list[str]:
    return text.split()


LOWER = _words(
    """
    toxicity pii_leakage hallucination bias harmfulness thumbs_down ThumbsDown user_disliked complaint complaints
    negative_user_feedback error_rate latency cost perplexity wer refusal_rate hallucination_score deepeval_toxicity
    not_helpful unresolved incorrect is_wrong low_quality safety_violations accuracy_drop false_positive_rate
    downvotes PIILeakage unhelpful non_compliant jailbreak severe-toxicity user_complaint time_to_first_token
    not_not_toxic toxicity.v2 attack_success_rate bad_answer toxicity_max hallucination_detected latency_p95
    errors_per_session hallucinations_per_1k noise_sensitivity_relevant time_to_resolution resolution_time
    escalation_required did_hallucinate hallucinated_citations self-harm/intent invalid_json ticket_reopened
    fallback_used guardrail_triggered accuracy_decline lack_of_empathy nsfw_score off_topic truncated sycophancy
    wrong_language dsat
"""
)
HIGHER = _words(
    """
    faithfulness answer_relevancy context_precision context_recall correctness helpfulness groundedness bleu rouge_l
    csat nps user_feedback user_score not_toxic non_toxic non-toxic nontoxic no_hallucination toxicity_free
    error_free low_toxicity positive_feedback is_correct harmlessness f1 recall@5 pass@1 exact_match thumbs_up likes
    userRating quality semanticSimilarity score rating not_incorrect toxicity_reduction absence_of_bias
    free_from_bias free_of_toxicity lack_of_bias crash_free_sessions crash_free_rate jailbreak_resistance
    escalation_avoided doesnt_hallucinate no_escalation_needed success_per_dollar fairness on_topic attack_blocked
    valid_json
"""
)
UNKNOWN = [
    "foo",
    "foo_score",
    "judge",
    "llm_judge",
    "verbosity",
    "length",
    "word_count",
    "style",
    "positive_toxicity",
    "bias_accuracy",
    "x2",
    "42",
    "_",
    "score (1=good, 0=bad)",
    "Rating (1 = bad, 5 = good)",
    "quality (0=bad 1=ok)",
    "attack_mitigated",
    *_words(
        """
        accuracy_gap quality_degradation relevance_decay safety_incidents accuracy_drift accuracy_std
        confidence_interval correctness_delta accuracy_vs_baseline quality_regression toxicity_handling
        toxicity_filter toxicity_check bias_mitigation bias_awareness injection_blocked pii_redacted pii_masked
        errors_fixed complaint_handled cost_savings cost_efficiency latency_sla_met latency_ok latency_score
        cost_score perplexity_score session_duration harmful_request_refused stereotype_rejected correctly_escalated
        appropriately_refused resists_jailbreak avoids_bias inverse_toxicity one_minus_toxicity 1-toxicity
        toxicity_inverted negative_mse neg_rmse missing_error explains_failure robust_to_injection win_loss
        like_dislike good_bad toxicity_ok absent_toxicity resolved_without_human resolved_without_escalation
        error_handling risk_tolerance embeddings_distance_inverse
        """
    ),
]


@pytest.mark.parametrize("name", LOWER)
def test_names_whose_direction_is_lower_is_better(name: str) -> None:
    assert direction_of(name) == "lower_is_better"


@pytest.mark.parametrize("name", HIGHER)
def test_names_whose_direction_is_higher_is_better(name: str) -> None:
    assert direction_of(name) == "higher_is_better"


@pytest.mark.parametrize("name", UNKNOWN)
def test_names_without_a_direction(name: str) -> None:
    assert direction_of(name) == "undeclared"


@given(
    word=st.sampled_from(sorted(LOWER_NAMES | HIGHER_NAMES)),
    prefix=st.sampled_from(["", "user_", "avg ", "llm-judge-", "eval."]),
    suffix=st.sampled_from(["", "_score", "-rate", " pct", "_v2"]),
    style=st.sampled_from([str.lower, str.upper, str.title]),
)
def test_only_a_negation_changes_the_direction_of_a_name(word: str, prefix: str, suffix: str, style: type[str]) -> None:
    direction = direction_of(word)
    assert direction != "undeclared"
    if f"{word}{suffix.replace('_', ' ')}" not in PHRASES:
        assert direction_of(style(f"{prefix}{word}{suffix}")) == direction
    assert direction_of(f"not_{word}") not in (direction, "undeclared")


@pytest.mark.parametrize(
    ("kind", "name", "direction"),
    [
        ("thumb", None, "higher_is_better"),
        ("thumb", "tone", "higher_is_better"),
        ("thumb", "thumbs_down", "lower_is_better"),
        ("thumb", "complaint", "lower_is_better"),
        ("thumb", "toxicity", "undeclared"),
        ("boolean", "toxicity", "lower_is_better"),
        ("boolean", "foo", "undeclared"),
        ("rating", "speed", "higher_is_better"),
        ("rating", "toxicity", "lower_is_better"),
        ("score", None, "higher_is_better"),
        ("score", "foo", "undeclared"),
        ("score", "toxicity", "lower_is_better"),
        ("percent", "bias", "lower_is_better"),
        ("label", "toxicity", "higher_is_better"),
    ],
)
def test_direction_depends_on_the_kind_of_value(kind: ValueKind, name: str | None, direction: str) -> None:
    assert definition_for(name, kind).direction == direction


@pytest.mark.parametrize(
    ("name", "word", "meaning"),
    [
        ("toxicity", "toxic", "bad"),
        ("toxicity", "Non-Toxic", "good"),
        ("toxicity", "not_toxic", "good"),
        ("toxicity", "yes", "bad"),
        ("toxicity", "none", "good"),
        ("toxicity", "positive", None),
        ("hallucination", "hallucination", "bad"),
        ("faithfulness", "yes", "good"),
        ("faithfulness", "unfaithful", "bad"),
        ("sentiment", "positive", "good"),
        ("", "positive", "good"),
        ("", "not helpful", "bad"),
        ("", "yes", None),
        ("", "neutral", "neutral"),
        ("grade", "A", None),
        ("correctness", "partially_correct", None),
    ],
)
def test_meaning_of_a_label_depends_on_its_metric(name: str, word: str, meaning: str | None) -> None:
    assert meaning_of(word, name) == meaning


def test_no_label_has_two_meanings() -> None:
    assert not GOOD_LABELS & BAD_LABELS
    assert not NEUTRAL_LABELS & (GOOD_LABELS | BAD_LABELS)
    assert not HIGHER_NAMES & LOWER_NAMES


def test_declaration_takes_precedence() -> None:
    declared = Declaration(direction="lower_is_better", scale=(0.0, 10.0), labels={"a": "good"})
    definition = definition_of("score.foo", declared)
    assert (definition.direction, definition.scale, definition.origin) == ("lower_is_better", (0.0, 10.0), "declared")
    assert meaning_of("A", "grade", declared.labels) == "good"
    over = Declaration(floor=0.02, labels={"b": "bad"}).completed_by(declared)
    assert (over.direction, over.floor, dict(over.labels)) == ("lower_is_better", 0.02, {"a": "good", "b": "bad"})


@pytest.mark.parametrize(
    "metric",
    [
        "preference",
        "implicit.copy",
        "implicit.click.link",
        "implicit.dwell",
        "click",
        "thumb",
        "thumb.tone",
        "implicit.thumb.tone",
        "rating",
        "label.x.y",
        "score.a b",
        "error_rate",
        "odd",
    ],
)
def test_a_definition_keeps_the_name_of_its_metric(metric: str) -> None:
    assert definition_of(metric).name == metric


def test_metrics_of_executions_have_units_and_tokens_no_direction() -> None:
    units = {"time_to_first_token_ms": "ms", "cost_eur": "EUR", "input_tokens": "tokens", "reasoning_tokens": "tokens"}
    for metric, unit in units.items():
        found = definition_of(metric)
        direction = "undeclared" if unit == "tokens" else "lower_is_better"
        assert (found.name, found.unit, found.direction, found.amount) == (metric, unit, direction, True)
    declared = definition_of("input_tokens", Declaration(direction="lower_is_better", floor=0.25))
    assert (declared.direction, declared.floor, declared.unit) == ("lower_is_better", 0.25, "tokens")
    assert cost_currency(cost_metric("CHF")) == "CHF"
    assert [cost_currency(name) for name in ("cost", "score.cost_usd", "cost_usdt", "total_tokens")] == [None] * 4


def test_amounts_are_compared_by_ratio() -> None:
    for metric, unit in (("latency_ms", "ms"), ("cost_usd", "USD"), ("score.perplexity", ""), ("score.latency_s", "s")):
        definition = definition_of(metric)
        assert (definition.aggregation, definition.unit) == ("geometric_mean", unit)
        assert definition.contains(12_000.0)
        assert not definition.contains(-1.0)
        assert not definition.contains(float("nan"))


@pytest.mark.parametrize("kind", IMPLICIT_KINDS)
def test_what_users_did_is_implicit_and_says_less_than_a_thumb(kind: ImplicitKind) -> None:
    definition, thumb = definition_for(None, kind), definition_of("thumb")
    assert (definition.name, definition.implicit, thumb.implicit) == (f"implicit.{kind}", True, False)
    assert 0 < definition.weight < thumb.weight
    assert 0 < definition.confidence < thumb.confidence
    usual = definition_of("latency_ms").floor if definition.amount else thumb.floor
    assert definition.floor == pytest.approx(usual / definition.confidence, rel=1e-3)
    assert definition_of(definition.name) == definition
    assert definition_of(definition.name, Declaration()) == replace(definition, labels={})
    assert definition_of(definition.name, Declaration(floor=0.02)).floor == 0.02


def test_only_the_direction_of_a_dwell_time_is_unknown() -> None:
    undeclared = [kind for kind, signal in IMPLICIT_KINDS.items() if signal.direction == "undeclared"]
    assert undeclared == ["dwell"]
