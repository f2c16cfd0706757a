"""Prompt documents that the server has, and the memory that queued items and the other documents use.

Forgetting a document is safe: it is sent again.
"""

import math
from collections import Counter
from collections.abc import Container, Iterable, Iterator

from ratchet.client.recorded_items import RecordedItem, UnencodedItem
from ratchet.client.used_prompts import UsedPrompt

MANY_DOCUMENTS = 50
"""Different documents of one name after which a warning is logged."""


class KnownDocuments:
    """The last `most` documents that the server accepted, by digest. Not thread-safe."""

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._names: dict[str, str] = {}
        self._varying_names: set[str] = set()

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, digest: object) -> bool:
        return digest in self._names

    def add(self, uses: Iterable[UsedPrompt]) -> list[str]:
        """Add documents; return the names that reach `MANY_DOCUMENTS` different ones, each once."""
        new = {use.digest: use.name for use in uses if use.digest not in self._names}
        self._names |= new
        for digest in list(self._names)[: max(0, len(self._names) - self._most)]:
            del self._names[digest]
        counts = Counter(self._names.values()) if new else {}
        found = [name for name in set(new.values()) - self._varying_names if counts[name] >= MANY_DOCUMENTS]
        self._varying_names.update(found)
        return found


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
