"""Formatting of values and changes of metrics."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.domain.metrics.extraction import metric_named
from shared import metric_format

METRICS = ("thumb", "label", "label.tone", "score", "score.faithful", "rating", "error_rate", "latency_ms", "cost_usd")


@pytest.mark.parametrize(
    ("value", "metric", "expected"),
    [
        (0.8512, "thumb", "85.1 %"),
        (0.8512, "implicit.label.tone", "85.1 %"),
        (0.25, "score.faithful", "25.0 %"),
        (7.25, "score", "7.25"),
        (0.015, "error_rate", "1.5 %"),
        (4.214, "implicit.rating", "4.21 stars"),
        (1447.6, "latency_ms", "1,448 ms"),
        (0.0002, "cost_usd", "$0.000200"),
        (4.23e-7, "cost_usd", "$0.000000423"),
        (0.0, "cost_usd", "$0.0000"),
        (0.0021, "cost_eur", "0.00210 EUR"),
        (812.0, "input_tokens", "812 tokens"),
        (1.5, "cost_usd", "$1.5000"),
    ],
)
def test_value_is_formatted_with_its_unit(value: float, metric: str, expected: str) -> None:
    assert metric_format.format_value(value, metric_format.unit_of(metric)) == expected


def test_value_without_a_unit() -> None:
    assert metric_format.format_value(0.123456, "") == "0.123"


@pytest.mark.parametrize(
    ("metric", "expected", "between"),
    [
        ("thumb", "−25.8 pp", ("−31.0", "−20.1")),
        ("rating", "−25.8 pp", ("−31.0", "−20.1")),
        ("error_rate", "+25.8 pp", ("+20.1", "+31.0")),
        ("latency_ms", "+25.8 %", ("+20.1", "+31.0")),
        ("cost_usd", "+25.8 %", ("+20.1", "+31.0")),
    ],
)
def test_change_is_formatted_with_its_sign(metric: str, expected: str, between: tuple[str, str]) -> None:
    assert metric_format.format_change(-25.76, metric) == expected
    assert metric_format.format_interval_ends(-31.0, -20.1, metric) == between


def test_zero_change_has_no_minus() -> None:
    assert metric_format.format_change(-0.04, "thumb") == metric_format.format_change(0.04, "error_rate") == "+0.0 pp"
    assert metric_format.format_change(0.0, "latency_ms") == "+0.0 %"


@given(st.sampled_from(METRICS), st.booleans())
def test_analyzer_uses_the_same_format(name: str, implicit: bool) -> None:
    metric = metric_named(f"implicit.{name}" if implicit and name in METRICS[:6] else name)
    assert metric_format.unit_of(metric.name) == metric.unit
    assert metric_format.change_unit(metric.name) == ("%" if metric.kind == "real" else "pp")
    assert metric_format.format_change(-1.0, metric.name).startswith(
        "−" if metric.direction == "higher_is_better" else "+"
    )
