"""Which documents the server knows already. Forgetting one is safe: it is then sent once more."""

from collections import Counter
from collections.abc import Iterable

from ratchet.client.items import PromptUse

MANY = 50


class KnownDocuments:
    """The last `most` documents that the server took, by digest. Not thread-safe."""

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._names: dict[str, str] = {}
        self._restless: set[str] = set()

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(self, digest: object) -> bool:
        return digest in self._names

    def add(self, uses: Iterable[PromptUse]) -> list[str]:
        """Returns the names that came to `MANY` different documents with these; each once."""
        new = {use.digest: use.name for use in uses if use.digest not in self._names}
        self._names |= new
        for digest in list(self._names)[: max(0, len(self._names) - self._most)]:
            del self._names[digest]
        counts = Counter(self._names.values()) if new else {}
        found = [name for name in set(new.values()) - self._restless if counts[name] >= MANY]
        self._restless.update(found)
        return found
