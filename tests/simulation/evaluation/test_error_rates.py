"""Wrong conclusions and coverage of the paired comparison, looked at after each case.

Seeds are fixed. If the true rate of an error were 5 %, more than 4 of 40 would occur with a probability of 5 %. The
rates of 1,000 runs are below 2.5 % for every law (`python -m benchmarks.evaluation`).
"""

import numpy as np
import pytest

from benchmarks.evaluation import LAWS, measure_errors, watch_t_test
from tests.support.soak import scaled

pytestmark = pytest.mark.simulation

RUNS, CASES, ALLOWED = scaled((40, 200, 4), (400, 600, 20))


@pytest.mark.parametrize("law", LAWS)
def test_wrong_conclusions_are_rare(law: str) -> None:
    found = measure_errors(law, RUNS, CASES)
    assert found["false_better"] <= ALLOWED / RUNS
    assert found["false_not_worse"] <= ALLOWED / RUNS
    assert found["covered"] >= 0.94


def test_a_t_test_that_is_looked_at_after_each_case_errs_often() -> None:
    """The streams can tell a valid test from one that is not."""
    law = LAWS["pass/fail, 40 % disagree"]
    assert sum(watch_t_test(law(np.random.default_rng([1, run]), 600, 0.0)) for run in range(200)) > 0.1 * 200
