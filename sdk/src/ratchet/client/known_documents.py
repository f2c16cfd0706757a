"""Prompt documents that the server has. Forgetting one is safe: it is sent again."""

from collections import Counter
from collections.abc import Iterable

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
