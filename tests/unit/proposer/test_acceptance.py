"""Acceptance criteria: a metric, a comparison, a threshold and a minimum number of values."""

import pytest

from proposer.domain.acceptance import MIN_VALUES, VersionMeasurement, non_regression_criteria, recovery_criteria
from shared.events.proposals import Criterion
from shared.events.quality import Direction, Measurement
from tests.support.proposer import regression


def measurement(mean: float, n: int = 200) -> Measurement:
    return Measurement(n=n, mean=mean, low=mean, high=mean)


def test_share_must_recover_to_within_five_points() -> None:
    (criterion,) = recovery_criteria(regression())
    assert (criterion.metric, criterion.comparison, criterion.n) == ("thumb", ">=", MIN_VALUES)
    assert criterion.threshold == pytest.approx(0.85)


def test_the_floor_is_in_the_metrics_own_unit() -> None:
    stars = regression(metric="rating", baseline=measurement(4.6), current=measurement(3.8), delta_pp=-20.0)
    assert recovery_criteria(stars)[0].threshold == pytest.approx(4.4), "5 pp of four stars are 0.2"


def test_lower_is_better_for_errors() -> None:
    errors = regression(
        metric="error_rate", direction="lower_is_better",
        baseline=measurement(0.01), current=measurement(0.11), delta_pp=-10.0,
    )  # fmt: skip
    (criterion,) = recovery_criteria(errors)
    assert criterion.comparison == "<="
    assert criterion.threshold == pytest.approx(0.06)


def test_regression_without_a_drop_has_no_tolerance() -> None:
    assert recovery_criteria(regression(delta_pp=0.0))[0].threshold == 0.9


@pytest.mark.parametrize(
    ("metric", "direction", "mean", "comparison", "threshold"),
    [
        ("thumb", "higher_is_better", 0.8, ">=", 0.75),
        ("rating", "higher_is_better", 4.0, ">=", 3.8),
        ("error_rate", "lower_is_better", 0.02, "<=", 0.07),
        ("latency_ms", "lower_is_better", 120.0, "<=", 132.0),
    ],
)
def test_example_set_must_not_lower_quality(
    metric: str, direction: Direction, mean: float, comparison: str, threshold: float
) -> None:
    (criterion,) = non_regression_criteria([VersionMeasurement(metric, direction, measurement(mean))])
    assert (criterion.metric, criterion.comparison) == (metric, comparison)
    assert criterion.threshold == pytest.approx(threshold)


def test_metric_with_too_few_values_is_no_criterion() -> None:
    few = VersionMeasurement("thumb", "higher_is_better", measurement(0.9, n=MIN_VALUES - 1))
    assert non_regression_criteria([few]) == ()


def test_criteria_have_a_fixed_order() -> None:
    both = [VersionMeasurement(name, "higher_is_better", measurement(0.9)) for name in ("thumb", "label")]
    found: tuple[Criterion, ...] = non_regression_criteria(both)
    assert [c.metric for c in found] == ["label", "thumb"]
    assert found == non_regression_criteria(reversed(both))
