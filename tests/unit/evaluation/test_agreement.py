"""Agreement of raters: published examples, laws, and coverage of the intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ratchet_evaluation.domain.statistics.agreement import (
    cohen_kappa,
    spearman,
    with_interval,
)
from tests.support.rater_agreement import Ratings, fleiss_kappa, krippendorff_alpha

_: None = None
KRIPPENDORFF: Ratings = list(
    zip(
        (1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _),
        (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3),
        (_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _),
        (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _),
        strict=True,
    )
)
"""Four raters of twelve units, from Krippendorff (2011), Computing Krippendorff's Alpha-Reliability."""
FLEISS = [
    [5] * 14,
    [2] * 2 + [3] * 6 + [4] * 4 + [5] * 2,
    [3] * 3 + [4] * 5 + [5] * 6,
    [2] * 3 + [3] * 9 + [4] * 2,
    [1] * 2 + [2] * 2 + [3] * 8 + [4] * 1 + [5] * 1,
    [1] * 7 + [2] * 7,
    [1] * 3 + [2] * 2 + [3] * 6 + [4] * 3,
    [1] * 2 + [2] * 5 + [3] * 3 + [4] * 2 + [5] * 2,
    [1] * 6 + [2] * 5 + [3] * 2 + [4] * 1,
    [2] * 2 + [3] * 2 + [4] * 3 + [5] * 7,
]
"""Fourteen raters of ten subjects; the example of the article on Fleiss' kappa in Wikipedia."""


def test_published_examples() -> None:
    assert krippendorff_alpha(KRIPPENDORFF, "nominal") == pytest.approx(0.743, abs=5e-4)
    assert krippendorff_alpha(KRIPPENDORFF, "interval") == pytest.approx(0.849, abs=5e-4)
    assert fleiss_kappa(FLEISS) == pytest.approx(0.210, abs=5e-4)
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    assert cohen_kappa(pairs) == pytest.approx(0.4)
    iq_hours = [(106, 7), (100, 27), (86, 2), (101, 50), (99, 28), (103, 29), (97, 20), (113, 12), (112, 6), (110, 17)]
    assert spearman(iq_hours) == pytest.approx(-29 / 165)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_two_raters_without_gaps(pairs: list[tuple[int, int]]) -> None:
    kappa, alpha = cohen_kappa(pairs), krippendorff_alpha([(a, b) for a, b in pairs], "nominal")
    assert (alpha is None) == (len({value for pair in pairs for value in pair}) == 1)
    if kappa is not None:
        assert -1.0 <= kappa <= 1.0 + 1e-12
        assert (kappa == pytest.approx(1.0)) == all(a == b for a, b in pairs)
        assert cohen_kappa([(b, a) for a, b in pairs]) == pytest.approx(kappa)


def test_what_is_not_defined_is_unknown() -> None:
    assert cohen_kappa([("good", "good")] * 5) is None
    assert cohen_kappa([]) is None
    assert fleiss_kappa([["good", "good"]]) is None
    assert krippendorff_alpha([(1.0, None), (None, 0.0)], "interval") is None
    assert spearman([(1.0, 0.2), (1.0, 0.7)]) is None
    with pytest.raises(ValueError, match="same number"):
        fleiss_kappa([["a", "b"], ["a"]])


def test_chance_is_zero_and_its_interval_has_zero() -> None:
    random = np.random.default_rng(3)
    pairs = [(bool(a), bool(b)) for a, b in random.integers(0, 2, (400, 2))]
    found = with_interval(cohen_kappa, pairs)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 0.0 < found.high
    assert (found.n, found.clusters) == (400, 400)


def test_dependent_items_widen_the_interval() -> None:
    random = np.random.default_rng(4)
    pairs, clusters = [], []
    for cluster in range(40):
        agree = random.random() < 0.7
        for _unused in range(10):
            value = bool(random.random() < 0.5)
            pairs.append((value, value if agree else not value))
            clusters.append(cluster)
    alone, together = with_interval(cohen_kappa, pairs), with_interval(cohen_kappa, pairs, clusters)
    assert alone.value == together.value
    assert together.high is not None
    assert together.low is not None
    assert alone.high is not None
    assert alone.low is not None
    assert together.high - together.low > 2 * (alone.high - alone.low)


def test_few_clusters_have_no_interval() -> None:
    found = with_interval(cohen_kappa, [(True, False), (True, True), (False, False)])
    assert (found.low, found.high) == (None, None)
    assert found.value is not None
