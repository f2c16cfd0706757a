"""Agreement from counts equals that of the single items, and its interval is about as wide."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_evaluation.domain.statistics.agreement import (
    cohen_kappa,
    with_interval,
)
from ratchet_evaluation.domain.statistics.counted_agreement import (
    CountedStatistic,
    RatingPattern,
    counted_agreement,
)
from tests.support.rater_agreement import fleiss_kappa, krippendorff_alpha

Items = Sequence[tuple[float, ...]]
_RATING = st.sampled_from([1.0, 2.0, 3.0, 1e6])


def patterns(items: Items) -> list[RatingPattern]:
    return [RatingPattern(ratings, count) for ratings, count in Counter(items).items()]


def statistics() -> list[tuple[CountedStatistic, Callable[[Any], float | None]]]:
    return [
        ("cohen_kappa", cohen_kappa),
        ("fleiss_kappa", fleiss_kappa),
        ("nominal_alpha", lambda items: krippendorff_alpha(items, "nominal")),
        ("interval_alpha", lambda items: krippendorff_alpha(items, "interval")),
    ]


@given(st.lists(st.tuples(_RATING, _RATING), min_size=1, max_size=9))
def test_each_statistic_equals_that_of_the_items(items: Items) -> None:
    for name, statistic in statistics():
        found, expected = counted_agreement(name, patterns(items)), statistic(items)
        assert found.n == len(items)
        assert (found.value is None) == (expected is None), name
        assert found.value == pytest.approx(expected, abs=1e-9), name


@given(st.lists(st.lists(_RATING, min_size=1, max_size=4).map(tuple), min_size=1, max_size=9))
def test_alpha_takes_any_number_of_ratings(items: Items) -> None:
    for name, scale in (("nominal_alpha", "nominal"), ("interval_alpha", "interval")):
        found = counted_agreement(name, patterns(items))  # type: ignore[arg-type]
        assert found.value == pytest.approx(krippendorff_alpha(items, scale), abs=1e-9)  # type: ignore[arg-type]


def test_the_interval_is_that_of_a_bootstrap_over_items() -> None:
    random = np.random.default_rng(1)
    truth = random.integers(0, 2, 60)
    noisy = [[float(t if random.random() < 0.85 else 1 - t) for t in truth] for _ in range(2)]
    pairs = list(zip(*noisy, strict=True))
    counted, single = counted_agreement("cohen_kappa", patterns(pairs)), with_interval(cohen_kappa, pairs)
    assert (counted.low, counted.high) == pytest.approx((single.low, single.high), abs=0.05)


def test_no_interval_and_no_value_is_made_up() -> None:
    assert counted_agreement("nominal_alpha", []).value is None
    assert counted_agreement("nominal_alpha", [RatingPattern((1.0,), 50)]).n == 0
    few = counted_agreement("cohen_kappa", [RatingPattern((0.0, 1.0), 4), RatingPattern((1.0, 1.0), 5)])
    assert (few.n, few.low, few.high) == (9, None, None)
    assert counted_agreement("cohen_kappa", [RatingPattern((1.0, 1.0), 50)]).value is None
    mean = counted_agreement("mean", [RatingPattern((0.0,), 50), RatingPattern((1.0,), 50)])
    assert mean.value == 0.5
    assert mean.low is not None
    assert mean.high is not None
    assert (0.38 < mean.low < 0.42, 0.58 < mean.high < 0.62) == (True, True)


def test_kappas_need_complete_items() -> None:
    with pytest.raises(ValueError, match="both raters"):
        counted_agreement("cohen_kappa", [RatingPattern((1.0, 1.0, 0.0), 1)])
    with pytest.raises(ValueError, match="same number"):
        counted_agreement("fleiss_kappa", [RatingPattern((1.0, 1.0, 0.0), 1), RatingPattern((1.0, 0.0), 1)])


def test_a_hundred_thousand_items_take_as_long_as_their_patterns() -> None:
    """125 patterns of three raters and five values; the same arithmetic as for 125 items."""
    values = [(float(a), float(b), float(c)) for a in range(5) for b in range(5) for c in range(5)]
    counts = [2_000 if len(set(ratings)) == 1 else 700 for ratings in values]
    found = counted_agreement("interval_alpha", [RatingPattern(*it) for it in zip(values, counts, strict=True)])
    assert found.n == sum(counts) > 90_000
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert found.high - found.low < 0.02
