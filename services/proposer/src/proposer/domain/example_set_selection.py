"""Which candidates form the example set of a prompt.

The set is the one of largest facility-location value (`proposer.domain.facility_location`) that greedy selection
finds under these rules: one example for each contributor and each input, no near-duplicates, at most `max_tokens`
tokens in all, and half of the places for answers that people corrected or approved, where there are such. A grant may
cover what needs no decision, so that comes before what does. See docs/decisions/0047-examples-represent-questions.md.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from proposer.domain.facility_location import Benefits, Weights, coverage, gains
from proposer.domain.pool_entries import PoolEntry, SetLimits, obstacles
from proposer.domain.question_sample import Questions
from proposer.domain.text_vectors import Vector

MARGIN = 1.01
"""A set is replaced only by one whose value is larger by this factor, so that it doesn't change with each feedback."""


@dataclass(slots=True)
class _Draft:
    """A set that is being filled."""

    limits: SetLimits
    members: list[PoolEntry] = field(default_factory=list)

    def admits(self, entry: PoolEntry) -> bool:
        return len(self.members) < self.limits.max_examples and not obstacles(entry, self.members, self.limits)


def select_example_set(
    pool: Sequence[PoolEntry],
    questions: Questions,
    limits: SetLimits,
    current: Sequence[PoolEntry] = (),
) -> tuple[PoolEntry, ...]:
    """Return the example set from `pool`, in the order of the examples; `current` if that is nearly as good.

    `current` must be part of `pool`.
    """
    ordered = sorted(pool, key=lambda entry: entry.order)
    best = _select_greedily(ordered, questions, limits)
    if current and _may_stay(current, best, questions, limits):
        return in_order(current)
    return best


def in_order(members: Iterable[PoolEntry]) -> tuple[PoolEntry, ...]:
    """Return the members of a set in the order of its examples."""
    return tuple(sorted(members, key=lambda entry: entry.order))


def _select_greedily(pool: Sequence[PoolEntry], questions: Questions, limits: SetLimits) -> tuple[PoolEntry, ...]:
    """Fill the reserved places, then the others with what needs no decision, then with the rest."""
    benefits, draft = questions.benefits(pool), _Draft(limits)
    covered = coverage(benefits, (), len(questions.weights))
    reviewed = [index for index, entry in enumerate(pool) if entry.reviewed]
    eligible = [index for index, entry in enumerate(pool) if entry.needs_no_decision]
    for indices, places in (
        (reviewed, limits.reviewed_places),
        (eligible, limits.max_examples),
        (range(len(pool)), limits.max_examples),
    ):
        covered = _fill(draft, pool, benefits, covered, questions.weights, indices, places)
    return in_order(draft.members)


def _fill(
    draft: _Draft,
    pool: Sequence[PoolEntry],
    benefits: Benefits,
    covered: Vector,
    weights: Weights,
    indices: Iterable[int],
    places: int,
) -> Vector:
    """Add entries of `indices` by their gain until the set has `places` members; return its coverage."""
    left = np.array(list(indices), np.intp)
    while len(draft.members) < places and len(left):
        left = left[np.argsort(-gains(benefits[left], covered, weights), kind="stable")]
        found = next((index for index in left if draft.admits(pool[index])), None)
        if found is None:
            break
        draft.members.append(pool[found])
        covered = np.maximum(covered, benefits[found])
        left = left[left != found]
    return covered


def _may_stay(current: Sequence[PoolEntry], best: Sequence[PoolEntry], questions: Questions, limits: SetLimits) -> bool:
    """Return whether `current` keeps the rules and is nearly as good as `best`."""
    fits = len(current) <= limits.max_examples and all(
        not obstacles(entry, [other for other in current if other is not entry], limits) for entry in current
    )
    return (
        fits
        and len(current) >= len(best)
        and _reviewed(current, limits) >= _reviewed(best, limits)
        and _undecided(current) <= _undecided(best)
        and questions.value(current) * MARGIN >= questions.value(best)
    )


def _reviewed(members: Sequence[PoolEntry], limits: SetLimits) -> int:
    return min(limits.reviewed_places, sum(entry.reviewed for entry in members))


def _undecided(members: Sequence[PoolEntry]) -> int:
    """Return how many members need a decision although no reserved place is for them."""
    return sum(not entry.needs_no_decision and not entry.reviewed for entry in members)
