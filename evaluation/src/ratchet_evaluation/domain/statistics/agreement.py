"""Agreement of raters: Cohen's kappa and rank correlation, with intervals.

All are 1 for perfect agreement, 0 for what chance gives, and may be negative. Where they are not defined (nobody
varies, nothing is rated twice) they are None, never 0. Intervals: percentiles of a bootstrap over independent clusters
of items, such as those that share a document (Efron and Tibshirani, 1993).
"""

import math
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

LEVEL = 0.95
REPLICATES = 1_000
_LEAST_DEFINED = 0.9
"""Share of replicates in which a statistic must be defined for its interval to be shown."""

Floats: TypeAlias = "npt.NDArray[np.float64]"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Agreement:
    """A statistic over `n` items in `clusters` independent groups; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None
    n: int
    clusters: int
    level: float = LEVEL


def cohen_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Return the agreement of two raters on categories beyond chance (Cohen, 1960); None if both never vary."""
    if not pairs:
        return None
    n = len(pairs)
    agreed = sum(a == b for a, b in pairs) / n
    first, second = (_shares(ratings) for ratings in zip(*pairs, strict=True))
    by_chance = sum(share * second.get(category, 0.0) for category, share in first.items())
    return None if math.isclose(by_chance, 1.0) else (agreed - by_chance) / (1.0 - by_chance)


def spearman(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return the correlation of ranks (Spearman, 1904), ties with their mean rank; None if a side does not vary."""
    if len(pairs) < 2:
        return None
    first, second = (_ranks(np.array([pair[side] for pair in pairs], dtype=np.float64)) for side in (0, 1))
    if np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def with_interval(
    statistic: Callable[[Sequence[T]], float | None],
    items: Sequence[T],
    clusters: Sequence[Hashable] | None = None,
    seed: int = 0,
) -> Agreement:
    """Return a statistic with its bootstrap interval. `clusters`: for each item its group of dependent items.

    The interval is None with fewer than 10 clusters, or if the statistic is often not defined in the replicates.
    """
    groups: dict[Hashable, list[T]] = {}
    for item, cluster in zip(items, range(len(items)) if clusters is None else clusters, strict=True):
        groups.setdefault(cluster, []).append(item)
    whole, drawn = statistic(items), list(groups.values())
    found = _replicates(statistic, drawn, seed) if whole is not None and len(drawn) >= 10 else []
    if len(found) < _LEAST_DEFINED * REPLICATES:
        return Agreement(whole, None, None, len(items), len(drawn))
    tail = 100.0 * (1.0 - LEVEL) / 2.0
    low, high = np.percentile(found, [tail, 100.0 - tail])
    return Agreement(whole, float(low), float(high), len(items), len(drawn))


def _replicates(
    statistic: Callable[[Sequence[T]], float | None], groups: Sequence[Sequence[T]], seed: int
) -> list[float]:
    random = np.random.default_rng(seed)
    found = []
    for _ in range(REPLICATES):
        chosen = random.integers(0, len(groups), len(groups)).tolist()
        value = statistic([item for index in chosen for item in groups[index]])
        if value is not None:
            found.append(value)
    return found


def _shares(values: Sequence[Hashable]) -> Mapping[Hashable, float]:
    return {value: count / len(values) for value, count in Counter(values).items()}


def _ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: Floats = last - (counts - 1) / 2.0
    ranks: Floats = means[inverse]
    return ranks
