"""Sums by groups of units, such as users: how alike the values of one unit are (pure).

A unit is always in the same group, by a hash of its id. Groups of independent units are independent themselves, so that
they tell the variance without the ids.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

GROUPS = 1_024
"""Number of groups."""


class UnitSums(NamedTuple):
    """Count and sum of the values of the units of a group."""

    n: int
    total: float


def clustered_variance(strata: Sequence[tuple[float, int, float, Mapping[int, UnitSums]]]) -> tuple[float, int]:
    """Return the variance of a weighted sum of means, and the number of groups with values.

    A stratum is its weight, count, mean, and sums by group. The variance is that of a ratio of sums of clusters;
    infinite with one group.
    """
    deviations: defaultdict[int, float] = defaultdict(float)
    for weight, n, mean, groups in strata:
        for group, sums in groups.items():
            if sums.n > 0:
                deviations[group] += weight * (sums.total - mean * sums.n) / n
    units = len(deviations)
    if units < 2:
        return math.inf, units
    return math.fsum(each * each for each in deviations.values()) * units / (units - 1), units


def calls_of_unit(groups: Mapping[int, UnitSums]) -> float:
    """Return how many values a unit has, as the mean over values; at least 1.

    Units share groups by chance: of n values, a group has n / 1,024 of other units.
    """
    counts = [sums.n for sums in groups.values() if sums.n > 0]
    n = sum(counts)
    return max(1.0, sum(each * each for each in counts) / n - n / GROUPS) if n else 1.0
