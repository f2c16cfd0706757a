"""How often rollouts end wrongly, and how soon harm is found (docs/statistics.md has the table of 250 runs)."""

import pytest

from tests.support.rollout_runs import LAWS, row
from tests.support.soak import scaled

pytestmark = pytest.mark.simulation

RUNS = scaled(40, 250)
ALLOWED = 100.0 * 0.05 + 100.0 * 2.0 * (0.05 * 0.95 / RUNS) ** 0.5
"""5 % and two standard errors."""
INDEPENDENT = [name for name in LAWS if name != "5 calls a user"]


@pytest.mark.parametrize("name", INDEPENDENT)
def test_an_equal_candidate_is_rarely_rolled_back(name: str) -> None:
    assert row(name, 0.0, RUNS)["harmful"] <= ALLOWED


@pytest.mark.parametrize("name", ["thumbs 80 %", "judge 0–1"])
def test_a_fall_of_both_arms_is_no_harm(name: str) -> None:
    assert row(name, 0.0, RUNS, fall=0.1)["harmful"] <= ALLOWED


@pytest.mark.parametrize("name", ["thumbs 80 %", "judge 0–1"])
def test_a_candidate_that_is_five_points_worse_is_rarely_promoted(name: str) -> None:
    assert row(name, -0.05, RUNS)["complete"] <= ALLOWED


@pytest.mark.parametrize("name", ["thumbs 80 %", "judge 0–1"])
def test_ten_points_are_rolled_back_within_200_values_in_the_median(name: str) -> None:
    found = row(name, -0.1, RUNS)
    assert found["harmful"] >= 100.0 - ALLOWED
    assert found["median"] <= 200.0
