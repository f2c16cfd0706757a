"""Which prompts a model call used: those whose rendered messages are among its messages. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ratchet.client.used_prompts import UsedPrompt

_KEPT = 1_000
"""Renderings after which the earlier half may be forgotten."""


class Rendering(NamedTuple):
    """A prompt, with the target that the app gave it, and the hashes of the texts that it was rendered to."""

    hashes: frozenset[int]
    use: UsedPrompt
    target: str | None = None


class RenderedPrompts:
    """The last renderings, by the hashes of their texts. Thread-safe without a lock, so that a fork can't block it."""

    def __init__(self) -> None:
        self._recent: dict[int, tuple[Rendering, ...]] = {}
        self._earlier: dict[int, tuple[Rendering, ...]] = {}

    def add(self, texts: Sequence[str], use: UsedPrompt, target: str | None = None) -> None:
        """Remember that rendering `use` gave these texts."""
        if not texts:
            return
        recent = self._recent
        if len(recent) >= _KEPT:
            self._earlier, self._recent = recent, {}
            recent = self._recent
        hashes = frozenset(map(hash, texts))
        first = hash(texts[0])
        others = tuple(known for known in recent.get(first, ()) if known.hashes != hashes)
        recent[first] = (*others[-7:], Rendering(hashes, use, target))

    def find_all(self, texts: Iterable[str]) -> list[Rendering]:
        """Return the renderings all of whose texts are among `texts`; of one inside another, the larger."""
        hashes = {hash(text) for text in texts}
        found: list[Rendering] = []
        for known in (self._recent, self._earlier):
            for first in hashes & known.keys():
                found += [rendering for rendering in known[first] if rendering.hashes <= hashes]
        found.sort(key=lambda rendering: -len(rendering.hashes))
        chosen: list[Rendering] = []
        for rendering in found:
            if not any(rendering.hashes <= other.hashes for other in chosen):
                chosen.append(rendering)
        return chosen


def message_texts(messages: object) -> list[str]:
    """Return the texts of messages, or of one text: contents, and texts of their parts."""
    if isinstance(messages, str):
        return [messages]
    texts: list[str] = []
    for message in messages if isinstance(messages, list | tuple) else ():
        content = message.get("content") if isinstance(message, Mapping) else getattr(message, "content", None)
        texts += [content] if isinstance(content, str) else _part_texts(content)
    return texts


def _part_texts(parts: Any) -> list[str]:
    found = [part.get("text") for part in parts if isinstance(part, Mapping)] if isinstance(parts, list | tuple) else []
    return [text for text in found if isinstance(text, str)]
