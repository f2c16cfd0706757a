"""Memory use of queued items."""

import math
from collections.abc import Container, Iterable, Iterator

from ratchet.client.recorded_items import RecordedItem, UnencodedItem

Item = UnencodedItem | RecordedItem


class MemoryUse:
    """The bytes of items: their own size, and each document that is not `known` once. Not thread-safe."""

    def __init__(self, known: Container[str] = frozenset()) -> None:
        self._known = known
        self._holders: dict[str, int] = {}
        self.total = 0

    def add(self, item: Item, limit: float = math.inf) -> bool:
        """Add an item; False, without effect, where the total would exceed `limit`."""
        total = self.total + item.size
        if item.documents:  # most have none
            total += sum(size for digest, size in self._held(item) if digest not in self._holders)
        if total > limit:
            return False
        self.total = total
        for digest, _ in self._held(item) if item.documents else ():
            self._holders[digest] = self._holders.get(digest, 0) + 1
        return True

    def remove(self, items: Iterable[Item]) -> None:
        """Remove items that were added before."""
        for item in items:
            self.total -= item.size
            for digest, size in self._held(item) if item.documents else ():
                self._holders[digest] -= 1
                if not self._holders[digest]:
                    del self._holders[digest]
                    self.total -= size

    def _held(self, item: Item) -> Iterator[tuple[str, int]]:
        documents = {use.digest: use.document for use in item.documents if use.digest not in self._known}
        return ((digest, len(document.canonical())) for digest, document in documents.items() if document)
