"""State in memory between batches, so that it is not read and parsed again while its row is unchanged."""

from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

K = TypeVar("K", bound=Hashable)
S = TypeVar("S")

MAX_BYTES = 8_000_000
"""Maximum of all states in the cache, by the length of their JSON. In memory they take six to eight times as much."""


class SavedState(NamedTuple, Generic[S]):
    """A state as it was saved: `saved` is the mark of that attempt, `size` the length of its JSON.

    `basis`: what else it was loaded with, such as rules; it must be equal for the state to be used again.
    """

    state: S
    saved: UUID | None
    size: int
    basis: object = None


class StateCache(Generic[K, S]):
    """The states saved last, at most `max_bytes`; the ones not used for longest are removed first.

    A state may be used only while its row has the same mark, read under the lock of its target. Each attempt to save
    has a new mark. So another writer, a failed commit and a restored database leave a mark that differs.
    """

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.bytes = 0
        self._max_bytes = max_bytes
        self._states: OrderedDict[K, SavedState[S]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def pop(self, wanted: Mapping[K, object]) -> dict[K, SavedState[S]]:
        """Remove the states of these keys, since a batch may change them and then fail; return those with their basis.

        `wanted` has the basis of each key.
        """
        found = {key: state for key in wanted if (state := self._states.pop(key, None)) is not None}
        self.bytes -= sum(state.size for state in found.values())
        return {key: state for key, state in found.items() if state.basis == wanted[key]}

    def keep(self, states: Mapping[K, SavedState[S]]) -> None:
        """Add states that were saved, or that were read and not changed."""
        self.pop(dict.fromkeys(states))
        self._states.update(states)
        self.bytes += sum(state.size for state in states.values())
        while self.bytes > self._max_bytes:
            _, removed = self._states.popitem(last=False)
            self.bytes -= removed.size


def mark_of(states: Iterable[SavedState[S] | None]) -> UUID | None:
    """Return the mark that all these states have in common; None if a state is missing or the marks differ."""
    marks = {None if state is None else state.saved for state in states}
    return marks.pop() if len(marks) == 1 else None
