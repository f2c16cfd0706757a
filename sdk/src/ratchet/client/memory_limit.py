"""Memory use of queued items."""

from collections.abc import Container, Iterable, Iterator

from ratchet.client.recorded_items import RecordedItem


class MemoryUse:
    """The bytes of items: their JSON, and each document that is not `known` once. Not thread-safe."""

    def __init__(self, known: Container[str] = frozenset()) -> None:
        self._known = known
        self._holders: dict[str, int] = {}
        self.total = 0

    def total_with(self, item: RecordedItem) -> int:
        """Return the total with one more item."""
        total = self.total + len(item.encoded)
        if not item.documents:  # most have none
            return total
        return total + sum(size for digest, size in self._held(item) if digest not in self._holders)

    def add(self, item: RecordedItem) -> None:
        self.total = self.total_with(item)
        for digest, _ in self._held(item) if item.documents else ():
            self._holders[digest] = self._holders.get(digest, 0) + 1

    def remove(self, items: Iterable[RecordedItem]) -> None:
        """Remove items that were added before."""
        for item in items:
            self.total -= len(item.encoded)
            for digest, size in self._held(item):
                self._holders[digest] -= 1
                if not self._holders[digest]:
                    del self._holders[digest]
                    self.total -= size

    def _held(self, item: RecordedItem) -> Iterator[tuple[str, int]]:
        documents = {use.digest: use.document for use in item.documents if use.digest not in self._known}
        return ((digest, len(document.canonical())) for digest, document in documents.items() if document)
