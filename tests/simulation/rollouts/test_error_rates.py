"""How often rollouts end wrongly, and how soon harm is found (docs/statistics.md has the table of 250 runs)."""

import pytest

from tests.support.rollout_runs import CLUSTERED, LAWS, row
from tests.support.soak import scaled

pytestmark = pytest.mark.simulation

RUNS = scaled(40, 250)
ALLOWED = 100.0 * 0.05 + 100.0 * 2.0 * (0.05 * 0.95 / RUNS) ** 0.5
"""5 % and two standard errors."""


@pytest.mark.parametrize("name", [name for name in LAWS if name not in CLUSTERED])
def test_an_equal_candidate_is_rarely_rolled_back(name: str) -> None:
    assert row(name, 0.0, RUNS)["harmful"] <= ALLOWED


@pytest.mark.parametrize("name", scaled(["scores, 5 calls a user", "thumbs, 20 calls a user"], CLUSTERED))
def test_values_of_the_same_users_are_no_harm(name: str) -> None:
    """It was harm in 10 % of runs with five calls a user, while each value counted as independent."""
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
