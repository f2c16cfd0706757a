"""The example set of a pool that grows by one candidate at a time."""

from collections.abc import Iterable, Sequence

import numpy as np

from proposer.domain.example_set_selection import MARGIN, in_order, select_example_set
from proposer.domain.facility_location import coverage, swap_values, value_of
from proposer.domain.pool_entries import PoolEntry, SetLimits, obstacles
from proposer.domain.question_sample import SAMPLED, Questions, QuestionSample

_UNTRUSTED = 20
"""Untrusted entries that are kept. They have no contributor, so a set has room for one."""

_RENEWALS = 32
"""A set is selected anew after 1/32 of the sample has changed: each time, while there are few questions."""


class IncrementalSet:
    """Keeps an example set up to date: most candidates cost one comparison with the sampled questions.

    After each selection the value of the set is at least 1 / `MARGIN` of that of greedy selection from `pool`. Until
    the next one, which comes when 1/32 of the sample has changed, a candidate can only take a free place or a member's.
    """

    def __init__(self, pool: Iterable[PoolEntry], limits: SetLimits, current: Sequence[PoolEntry] = ()) -> None:
        self._limits = limits
        self._sample = QuestionSample()
        self._others: list[PoolEntry] = []
        self._members = tuple(current)
        for entry in pool:
            self._keep(entry)
        self._select()

    @property
    def members(self) -> tuple[PoolEntry, ...]:
        """The set, in the order of its examples."""
        return self._members

    @property
    def questions(self) -> Questions:
        """The sampled questions that the set is measured on."""
        return self._questions

    @property
    def pool(self) -> tuple[PoolEntry, ...]:
        """The entries that the set is selected from when it is selected anew."""
        return tuple({e.feedback_id: e for e in (*self._sample.entries, *self._others, *self._members)}.values())

    def add(self, entry: PoolEntry) -> bool:
        """Add a candidate to the pool; return whether the set changed."""
        before = self._members
        if self._keep(entry):
            self._changes += 1
            self._ask_questions()
        if self._changes * _RENEWALS >= len(self._questions.weights) or entry.reviewed:
            self._select()
        else:
            self._try_entry(entry)
        return self._members != before

    def _keep(self, entry: PoolEntry) -> bool:
        """Keep the entry if it is sampled, reviewed or untrusted; return whether it is kept."""
        sampled = self._sample.offer(entry)
        if entry.trusted and not entry.reviewed:
            return sampled
        self._others = sorted((*self._others, entry), key=lambda other: (other.trusted, other.order))
        untrusted = [other for other in self._others if not other.trusted][:_UNTRUSTED]
        reviewed = sorted((other for other in self._others if other.trusted), key=lambda other: other.input_key)
        self._others = [*untrusted, *reviewed[:SAMPLED]]
        return sampled or entry in self._others

    def _select(self) -> None:
        self._ask_questions()
        self._changes = 0
        self._set_members(select_example_set(self.pool, self._questions, self._limits, self._members))

    def _ask_questions(self) -> None:
        self._questions = Questions.of_entries(self._sample.entries)
        self._set_members(self._members)

    def _set_members(self, members: Iterable[PoolEntry]) -> None:
        self._members = in_order(members)
        self._benefits = self._questions.benefits(self._members)
        covered = coverage(self._benefits, range(len(self._members)), len(self._questions.weights))
        self._value = value_of(covered, self._questions.weights)

    def _try_entry(self, entry: PoolEntry) -> None:
        """Give `entry` a free place, or that of the member whose replacement raises the value most, if by `MARGIN`."""
        free = len(self._members) < self._limits.max_examples
        if free and not obstacles(entry, self._members, self._limits):
            self._set_members([*self._members, entry])
            return
        new = self._questions.benefits([entry])[0]
        values = swap_values(self._benefits, new, self._questions.weights)
        for index in np.argsort(-values, kind="stable"):
            if values[index] <= self._value * MARGIN:
                return
            others = [member for n, member in enumerate(self._members) if n != index]
            if self._may_replace(self._members[index], entry, others):
                self._set_members([*others, entry])
                return

    def _may_replace(self, member: PoolEntry, entry: PoolEntry, others: Sequence[PoolEntry]) -> bool:
        keeps_places = entry.reviewed or not member.reviewed
        keeps_eligible = entry.needs_no_decision or not member.needs_no_decision
        return keeps_places and keeps_eligible and not obstacles(entry, others, self._limits)
