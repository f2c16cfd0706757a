"""Variance of the means of arms whose units have several values each."""

import math
import random
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.statistics.two_arms import ArmSums, Stratum, compare_arms, for_few_units
from shared.statistics.unit_groups import GROUPS, UnitSums, calls_of_unit, clustered_variance


def arm(users: Mapping[int, list[float]], by_unit: bool = True) -> ArmSums:
    """Return the sums of the values of users, each in the group of its number."""
    values = [value for each in users.values() for value in each]
    groups = {user: UnitSums(len(each), sum(each)) for user, each in users.items()}
    return ArmSums(len(values), sum(values), sum(v * v for v in values), groups if by_unit else {})


def width(base: ArmSums, candidate: ArmSums) -> float:
    found = compare_arms([Stratum(base, candidate)], True).bounds(0.05)
    assert found.high is not None
    assert found.low is not None
    return found.high - found.low


def test_equal_values_of_each_user_make_the_variance_that_of_users() -> None:
    """Ten calls of each user that say the same are worth one."""
    draws = random.Random(1)
    levels = {user: float(draws.random() < 0.5) for user in range(400)}
    calls, single = arm({u: [v] * 10 for u, v in levels.items()}), arm({u: [v] for u, v in levels.items()})
    assert width(calls, calls) == pytest.approx(width(single, single), rel=0.02)
    plain = arm({u: [v] * 10 for u, v in levels.items()}, by_unit=False)
    assert width(plain, plain) < 0.4 * width(calls, calls)


def test_one_value_a_user_has_the_variance_of_independent_values() -> None:
    draws = random.Random(2)
    users = {user: [draws.random()] for user in range(300)}
    assert width(arm(users), arm(users)) == pytest.approx(width(arm(users, False), arm(users, False)), rel=0.02)


def test_a_user_in_two_strata_is_one_unit() -> None:
    """The second stratum repeats the deviations of the first, so it adds nothing about users."""
    draws = random.Random(3)
    users = {user: [draws.random()] for user in range(300)}
    one = Stratum(arm(users), arm(users))
    once, twice = compare_arms([one], True).bounds(0.05), compare_arms([one, one], True).bounds(0.05)
    assert once.high is not None
    assert twice.high is not None
    assert twice.high == pytest.approx(once.high, rel=0.05)


def test_nothing_is_known_from_one_user() -> None:
    assert clustered_variance([(1.0, 5, 0.5, {3: UnitSums(5, 2.5)})]) == (math.inf, 1)
    one = arm({3: [0.0, 1.0, 1.0]})
    assert compare_arms([Stratum(one, one)], True).bounds(0.05).low is None


@given(st.dictionaries(st.integers(0, 40), st.lists(st.floats(0, 1), min_size=1, max_size=5), min_size=2))
def test_the_variance_of_users_does_not_depend_on_the_scale_of_weights(users: dict[int, list[float]]) -> None:
    sums = arm(users)
    (whole, units), (half, _) = (
        clustered_variance([(weight, sums.n, sums.mean, sums.groups)]) for weight in (1.0, 0.5)
    )
    assert units == len(users)
    assert half == pytest.approx(whole / 4.0)


def test_few_units_widen_the_bounds_as_a_t_distribution_does() -> None:
    assert for_few_units(1.6449, 11) == pytest.approx(1.812, abs=0.005)
    assert for_few_units(3.0902, 11) == pytest.approx(4.144, abs=0.02)
    assert for_few_units(2.8, 100_000) == pytest.approx(2.8, abs=0.001)
    assert for_few_units(12.0, 2) == math.inf


@pytest.mark.parametrize("calls", [1, 5, 20])
@pytest.mark.parametrize("users", [50, 5_000])
def test_the_calls_of_a_user_are_estimated_although_groups_are_shared(users: int, calls: int) -> None:
    draws = random.Random(calls)
    counts: dict[int, int] = {}
    for _ in range(users):
        group = draws.randrange(GROUPS)
        counts[group] = counts.get(group, 0) + calls
    found = calls_of_unit({group: UnitSums(n, 0.0) for group, n in counts.items()})
    assert found == pytest.approx(calls, rel=0.25)
    assert calls_of_unit({}) == 1.0
