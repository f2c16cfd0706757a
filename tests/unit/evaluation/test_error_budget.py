"""The error budget of repeated evaluations."""

import pytest

from ratchet_evaluation.domain.settings import RunSettings
from ratchet_evaluation.domain.statistics.comparison import PairedComparison
from ratchet_evaluation.domain.statistics.error_budget import TOTAL, attempt_level
from ratchet_evaluation.domain.statistics.wealth import LEVEL


def test_first_attempt_is_tested_as_an_evaluation_without_repetition() -> None:
    assert attempt_level(1) == LEVEL == RunSettings().level


def test_all_attempts_share_one_budget() -> None:
    errors = [(1.0 - attempt_level(attempt)) / 2.0 for attempt in range(1, 100)]
    assert errors == sorted(errors, reverse=True)
    assert sum(errors) == pytest.approx(TOTAL)
    assert errors[-1] > 0.0


def test_attempts_are_counted_from_one() -> None:
    with pytest.raises(ValueError, match="from 1"):
        attempt_level(0)


def test_later_attempt_needs_more_cases() -> None:
    needed = []
    for attempt in (1, 2, 5, 10):
        comparison = PairedComparison("better", 0.05, attempt_level(attempt))
        while not comparison.decided:
            comparison.add(1.0)
        needed.append(comparison.result().difference.n)
    assert needed == sorted(set(needed))
    assert comparison.result().difference.level == attempt_level(10)


def test_test_and_interval_agree_at_every_level() -> None:
    comparison = PairedComparison("better", 0.05, attempt_level(4))
    for _ in range(40):
        comparison.add(0.5)
        result = comparison.result()
        assert (result.conclusion == "better") == (result.difference.low > 0.0)
