"""Names of metrics and hashes of users that filters accept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.domain.execution_filter import EXECUTION_METRICS, is_metric, is_user_hash
from collector.domain.request_context import PseudonymKey
from shared.metric_catalog import ValueKind, metric_name

NAMES = st.text(min_size=1, max_size=20)
NUMBERS: st.SearchStrategy[ValueKind] = st.sampled_from(["thumb", "rating", "score"])


@given(NUMBERS, NAMES, st.booleans())
def test_every_metric_of_named_feedback_is_accepted(kind: ValueKind, name: str, implicit: bool) -> None:
    assert is_metric(metric_name(kind, name, implicit))


@pytest.mark.parametrize(
    "metric", [*EXECUTION_METRICS, "cost_usd", "cost_eur", "thumb", "rating", "implicit.thumb", "score.a.b"]
)
def test_known_metrics_are_accepted(metric: str) -> None:
    assert is_metric(metric)


@pytest.mark.parametrize(
    "metric",
    ["", "foo", "score", "score.", "thumb.", "thumbs", "implicit.", "implicit.latency_ms", "implicit.score.", "cost",
     "cost_", "cost_usdollar", "cost_USD",
     "error_rate", "label", "label.tone", "comment", "latency_ms.x"],
)  # fmt: skip
def test_names_without_numbers_are_no_metrics(metric: str) -> None:
    assert not is_metric(metric)


@given(st.text(max_size=20))
def test_every_pseudonym_has_the_form_of_one(user: str) -> None:
    assert is_user_hash(PseudonymKey("k1", b"secret").pseudonym("shop", user))


@pytest.mark.parametrize("text", ["k1:0", "ann", f"{'0' * 32}", f":{'0' * 32}", f"k1:{'0' * 33}", f"k1:{'F' * 32}"])
def test_other_texts_are_no_pseudonyms(text: str) -> None:
    assert not is_user_hash(text)
