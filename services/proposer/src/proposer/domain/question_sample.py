"""The questions that an example set must represent: a uniform sample of what users asked."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from proposer.domain.facility_location import Benefits, Weights, benefits_of, coverage, equal_weights, value_of
from proposer.domain.pool_entries import PoolEntry
from proposer.domain.text_vectors import Matrix

SAMPLED = 1_024
"""Questions in the sample: the value of a set on it differs from that on all questions by at most 0.051 in 99 % of
samples (Hoeffding, 1963)."""

PER_CONTRIBUTOR = 20
"""Questions of one contributor in the sample. All of them together count as much as one of another contributor."""

_Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Questions:
    """Unit vectors of questions, and weights by which each contributor counts the same; they add up to 1."""

    vectors: Matrix
    weights: Weights

    @classmethod
    def of_entries(cls, entries: Sequence[PoolEntry]) -> "Questions":
        """Return the questions of these entries."""
        vectors = np.stack([entry.vector for entry in entries]) if entries else np.zeros((0, 1), np.float32)
        return cls(vectors, equal_weights([entry.contributor for entry in entries]))

    def benefits(self, entries: Sequence[PoolEntry]) -> Benefits:
        """Return the benefit of each entry for each question."""
        if not entries or not len(self.weights):
            return np.zeros((len(entries), len(self.weights)), np.float32)
        vectors = np.stack([entry.vector for entry in entries])
        return benefits_of(vectors, [entry.quality for entry in entries], self.vectors)

    def value(self, members: Sequence[PoolEntry]) -> float:
        """Return the value of a set, from 0 to 1."""
        covered = coverage(self.benefits(members), range(len(members)), len(self.weights))
        return value_of(covered, self.weights)


class QuestionSample:
    """The trusted entries with the smallest input keys, at most 20 of one contributor.

    Input keys are hashes, so that this is a uniform sample of inputs, and the same one in whatever order they come.
    """

    def __init__(self, pool: Iterable[PoolEntry] = ()) -> None:
        self._entries: dict[_Key, PoolEntry] = {}
        self._counts: Counter[str | None] = Counter()
        self._largest: _Key = ("", "")
        for entry in pool:
            self.offer(entry)

    @property
    def entries(self) -> tuple[PoolEntry, ...]:
        """The sampled entries, by key."""
        return tuple(self._entries[key] for key in sorted(self._entries))

    def offer(self, entry: PoolEntry) -> bool:
        """Add `entry` if it belongs to the sample; return whether it was added."""
        key = _key(entry)
        if not entry.trusted or key in self._entries or (len(self._entries) == SAMPLED and key > self._largest):
            return False
        if self._counts[entry.contributor] == PER_CONTRIBUTOR:
            last = max(known for known, other in self._entries.items() if other.contributor == entry.contributor)
            if key > last:
                return False
            self._remove(last)
        elif len(self._entries) == SAMPLED:
            self._remove(self._largest)
        self._entries[key] = entry
        self._counts[entry.contributor] += 1
        self._largest = max(self._entries)
        return True

    def _remove(self, key: _Key) -> None:
        self._counts[self._entries.pop(key).contributor] -= 1


def _key(entry: PoolEntry) -> _Key:
    return entry.input_key, entry.contributor or ""
