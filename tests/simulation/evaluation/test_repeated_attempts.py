"""Evaluating a change again and again until it passes: by chance, at most 5 % of changes ever do.

Prompts that are equally good; an app with noise of its own, and cases that are hard or easy in every attempt. Seeds are
fixed. If the true rate were 5 %, more than 62 of 1,000 would pass with a probability of 5 %.
"""

import numpy as np
import numpy.typing as npt
import pytest

from ratchet_evaluation.domain.statistics.error_budget import attempt_level
from ratchet_evaluation.domain.statistics.wealth import LEVEL, SHARES, Wealth, threshold_of
from tests.support.soak import scaled

pytestmark = pytest.mark.simulation

RUNS, CASES = scaled((1000, 80), (4000, 400))
ATTEMPTS, ALLOWED = 10, 0.062
Differences = npt.NDArray[np.float64]


def watched_wealth(differences: Differences) -> Differences:
    """Return the largest log wealth against "not better" within each row: a run ends as soon as it is enough."""
    gains = np.log1p(np.array(SHARES) * differences[..., None])
    wealth = np.logaddexp.reduce(gains.cumsum(axis=-2), axis=-1).max(axis=-1)
    return np.asarray(wealth - np.log(len(SHARES)), dtype=np.float64)


def share_that_ever_passes(levels: list[float], spread: float) -> float:
    """Return how many of the runs pass in any attempt. `spread`: of a case's own difference, about 0."""
    rng = np.random.default_rng([1, int(100 * spread)])
    own = rng.uniform(-spread, spread, (RUNS, CASES)) / 2.0
    passed = np.zeros(RUNS, dtype=bool)
    for level in levels:
        candidate, baseline = (rng.random((RUNS, CASES)) < 0.5 + side * own for side in (1.0, -1.0))
        differences = candidate.astype(np.float64) - baseline
        passed |= watched_wealth(differences) >= threshold_of(level)
    return float(passed.mean())


@pytest.mark.parametrize("spread", [0.0, 0.8])
def test_ten_attempts_rarely_pass_a_candidate_that_is_no_better(spread: float) -> None:
    levels = [attempt_level(attempt) for attempt in range(1, ATTEMPTS + 1)]
    assert share_that_ever_passes(levels, spread) <= ALLOWED


def test_without_the_budget_they_pass_often() -> None:
    """The streams can tell a budget from none."""
    budgeted = share_that_ever_passes([attempt_level(attempt) for attempt in range(1, ATTEMPTS + 1)], 0.0)
    assert share_that_ever_passes([LEVEL] * ATTEMPTS, 0.0) > max(3.0 * budgeted, 0.04)


def test_wealth_is_that_of_the_evaluator() -> None:
    values = np.random.default_rng(2).choice([-1.0, 0.0, 1.0], 30)
    wealth, most = Wealth(0.0), -np.inf
    for value in values:
        wealth.add(float(value))
        most = max(most, wealth.log_wealth)
    assert watched_wealth(values) == pytest.approx(most)
